"""What tests share: helpers that more than one folder of tests imports."""
