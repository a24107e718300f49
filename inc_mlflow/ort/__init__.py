"""All that knows ONNX graphs and ONNX Runtime."""
