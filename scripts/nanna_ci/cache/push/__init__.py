"""Pushing to a cache: selection, filter, and the receipt."""
