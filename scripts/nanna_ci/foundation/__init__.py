"""The base of everything else: errors, programs, files, JSON, secrets, HTTP, and a command's context."""
