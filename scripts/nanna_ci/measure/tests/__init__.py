"""The tests of a run: counts, flaky tests, slowest tests."""
