"""A generator of ONNX graphs. Graph N is the same on every machine: see ``draw``."""
