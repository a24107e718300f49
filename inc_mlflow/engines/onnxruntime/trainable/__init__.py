"""A QDQ graph as plain data that can be trained, and back into the same nodes."""
