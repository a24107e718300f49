"""One step on its own, for the command line: what it needs from others is made in a temporary directory."""
