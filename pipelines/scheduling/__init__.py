"""Which nodes of a fleet kube-scheduler would give to the tasks of a compiled package, without a cluster."""
