"""Scans: what is known to be wrong with crates, store paths and images, behind one interface, and a gate on it."""
