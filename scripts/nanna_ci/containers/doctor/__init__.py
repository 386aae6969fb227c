"""What `doctor` checks of containers: engines, logins, locks, disk and memory."""
