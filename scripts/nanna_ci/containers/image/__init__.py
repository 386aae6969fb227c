"""Images: what they are made of, and how the flake builds them."""
