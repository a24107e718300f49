"""Starts the processes that share a training: on this machine, or as a job of a cluster."""
