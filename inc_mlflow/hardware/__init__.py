"""Hardware: the pools a job can name, and what this host is."""
