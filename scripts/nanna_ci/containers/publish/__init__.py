"""Pushes images by digest, signs and attests them."""
