"""What accuracy can mean. The table of metrics is registry/metrics.py."""
