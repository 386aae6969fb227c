"""What hits, what misses, and why."""
