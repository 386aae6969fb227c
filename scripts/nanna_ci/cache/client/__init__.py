"""The bulk narinfo client: HTTP/1.1 over many connections, folders, and how to query."""
