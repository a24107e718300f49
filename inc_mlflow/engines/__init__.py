"""What runs and compresses models: one folder per engine, and the role that every engine plays."""
