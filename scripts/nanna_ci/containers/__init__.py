"""Container images: engines that run them, registries that they are published to, models that they carry."""
