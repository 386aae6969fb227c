"""Which lines tests run: of crates, of files, of a change; the gate on them, and Codecov."""
