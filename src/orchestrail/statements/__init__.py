"""Statements of persons as such: their content, the form in which they are signed, keys and signatures. No database, no command."""
