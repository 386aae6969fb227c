"""The steps of one job, run for real on this machine as GitHub's runner runs them."""
