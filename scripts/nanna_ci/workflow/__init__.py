"""GitHub workflows: read strictly, and held against the plan, the pins and the hardening rules."""
