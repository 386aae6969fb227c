"""Binary caches: what hits and why the rest missed, pushes with a receipt, collection to a size, settings."""
