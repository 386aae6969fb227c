"""Evidence of a build: statements about where it comes from, and their verification link by link, offline."""
