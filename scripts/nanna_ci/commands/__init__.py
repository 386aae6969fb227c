"""One module a command: arguments in, Outcome out. Commands never print."""
