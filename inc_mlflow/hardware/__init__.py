"""Hardware: the pools that a job can name, and what this host is."""
