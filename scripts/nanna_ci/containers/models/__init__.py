"""The models that images serve, locked by digest."""
