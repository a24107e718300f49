"""Single steps for the command line; the results of other steps are made in a temporary directory."""
