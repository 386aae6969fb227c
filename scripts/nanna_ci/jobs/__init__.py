"""The jobs of `ci` and `run-job` that our own code runs on this machine, beside the one `nix build`."""
