"""ONNX Runtime: all code that knows ONNX graphs and ONNX Runtime's sessions."""
