"""What runs measured of their jobs: times, sizes, hit rates; and what changed from one run to the next."""
