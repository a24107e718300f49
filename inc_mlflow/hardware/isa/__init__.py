"""Emulated instruction sets: a process in which onnxruntime sees an x86 CPU with fewer features, at native speed."""

from inc_mlflow.hardware.isa.environment import check, confirm, prepare
from inc_mlflow.hardware.isa.profiles import PROFILES, present

__all__ = ["PROFILES", "check", "confirm", "prepare", "present"]
