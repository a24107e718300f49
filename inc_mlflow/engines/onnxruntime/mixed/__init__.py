"""Models in which any set of units computes in INT8 and the rest in FP32 or with dynamic scales."""
