"""What MLflow loads of ours by its entry points."""
