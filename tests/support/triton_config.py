"""Triton's own description of its configuration, from its client; the rest of that client needs a server."""

import importlib.metadata
import importlib.util

from google.protobuf import text_format


def parsed_config(path):
    """Read a config.pbtxt as Triton does; unknown fields and values are errors."""
    name = ("tritonclient", "grpc", "model_config_pb2.py")
    (file,) = (one for one in importlib.metadata.files("tritonclient") if one.parts == name)
    spec = importlib.util.spec_from_file_location("model_config_pb2", file.locate())
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return text_format.Parse(path.read_text(), module.ModelConfig())
