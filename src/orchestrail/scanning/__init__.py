"""A second look for secrets and personal data in what is stored: events in, what was found in which field out.

No database, no network: nothing that is found is tried out anywhere, and nothing leaves this package but what the caller takes.
"""
