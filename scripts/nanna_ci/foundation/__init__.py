"""What all else rests on: errors, programs, files, JSON, secrets, HTTP, and the context that a command is given."""
