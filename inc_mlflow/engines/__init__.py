"""What runs and compresses models: one folder per engine, and the role that all of them play."""
