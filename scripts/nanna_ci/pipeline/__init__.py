"""The pipeline as data: its definition, the plan for an event, the local run and job results."""
