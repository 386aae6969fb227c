"""Newer inputs, models and actions: found, written, and proposed as one pull request."""
