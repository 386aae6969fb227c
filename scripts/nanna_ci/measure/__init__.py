"""What runs measured: benchmarks, coverage, tests, times; their history, and the budgets they are held to."""
