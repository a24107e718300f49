"""ONNX's operators in torch, so that a graph can be differentiated: a table of small functions."""
