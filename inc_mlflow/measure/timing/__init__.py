"""Speed: instances, rounds, ratios, and what disturbs them."""
