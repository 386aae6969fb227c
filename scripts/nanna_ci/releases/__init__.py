"""Releases on GitHub: assets, notes, and publishing only what is whole."""
