"""Why a candidate is slow or wrong: time per node, error per node, saturating layers."""
