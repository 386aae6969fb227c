"""What GitHub would run for an event: the workflows of a repository, job by job, on this machine."""
