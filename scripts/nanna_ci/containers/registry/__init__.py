"""Registries of images: names, logins, and the program that copies images."""
