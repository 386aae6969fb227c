"""Runs images and tests them: servers and programs."""
