"""ONNX Runtime: all that knows ONNX graphs and their sessions."""
