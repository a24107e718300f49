"""Instruction sets that can be emulated: the CPUs, as the bits they lack."""

from inc_mlflow.hardware.isa.profiles import PROFILES, emulated_profile

__all__ = ["PROFILES", "emulated_profile"]
