"""A process in which ONNX Runtime sees an x86 CPU with fewer features, at native speed."""

from inc_mlflow.engines.onnxruntime.emulation.environment import check, confirm, prepare

__all__ = ["check", "confirm", "prepare"]
