"""What people see: runs in MLflow."""
