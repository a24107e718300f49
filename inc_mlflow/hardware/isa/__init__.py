"""Instruction sets that can be emulated: the CPUs, as the bits they lack."""

from inc_mlflow.hardware.isa.profiles import PROFILES, present

__all__ = ["PROFILES", "present"]
