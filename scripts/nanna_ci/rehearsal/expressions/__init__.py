"""The expression language of GitHub's workflows: what stands between `${{` and `}}`, and in an `if`."""
