"""Container engines: podman and docker by their command lines, and what the kernel says of a container."""
