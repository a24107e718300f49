"""Statistics of activations, and the ranges that follow from them."""
