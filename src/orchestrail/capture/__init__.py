"""What a step read, wrote and ran: files, values in memory, code, git state, environment.

Everything here observes and returns frozen values; nothing is recorded, sent or shown, and no orchestrator is known.
"""
