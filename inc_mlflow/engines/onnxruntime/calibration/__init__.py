"""Statistics of activations, and the ranges computed from them."""
