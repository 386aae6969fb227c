"""What the settings of a repository on GitHub are, and what is to be changed in them. Read-only."""
