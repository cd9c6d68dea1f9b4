"""The catalogue of requirements, as data, and how facts are judged by it. Nothing here reads a database or writes anything."""
