"""GitHub's REST API, for every domain."""
