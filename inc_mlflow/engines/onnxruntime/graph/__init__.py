"""ONNX files and graphs: read, import, rewrite."""
