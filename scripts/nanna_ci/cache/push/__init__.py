"""Pushing to a cache: what goes, what is kept back, and the receipt."""
