"""OpenVINO as an engine: runs IR, made of the ONNX baseline that the default engine writes."""
