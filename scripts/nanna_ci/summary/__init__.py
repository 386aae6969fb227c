"""The one required check: what was expected of a run, what became of it, and the texts that say so."""
