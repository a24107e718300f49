"""A source that is INT8 already: there is no FP32 baseline that INT8 could be compared with."""

from collections.abc import Mapping
from pathlib import Path

from inc_mlflow.engines.engine import Engine
from inc_mlflow.errors import ModelError


def already_int8(operators: Mapping[str, int]) -> str:
    """Say that a model is INT8 by its operators, and what to give instead."""
    counted = ", ".join(f"{count} {name}" for name, count in operators.items())
    return f"already INT8: {counted}; give the FP32 model it came from"


def check_fp32(engine: Engine, source: Path) -> None:
    """Raise ModelError where the source of a job is INT8, or cannot be read."""
    if operators := engine.int8_operators(source):
        raise ModelError(f"{source}: {already_int8(operators)}")
