"""The supply chain: what is in what we ship, whether it is safe, and how anyone can check."""
