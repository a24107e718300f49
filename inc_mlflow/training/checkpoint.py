"""Checkpoints: the whole state of a training in one file, written whole or not at all."""

import io
import pickle
from pathlib import Path
from typing import Any

import torch

from inc_mlflow.files import write_bytes

_FILE = "checkpoint.pt"


def save_checkpoint(folder: Path, key: str, state: dict[str, Any]) -> None:
    """Write the state; ``key`` names all that it depends on."""
    buffer = io.BytesIO()
    torch.save({"key": key, **state}, buffer)
    write_bytes(folder / _FILE, buffer.getvalue())


def load_checkpoint(folder: Path, key: str) -> dict[str, Any] | None:
    """Return the state; None where there is none, it is damaged, or belongs to something else.

    It is read as data: no code in it is run.
    """
    try:
        state: dict[str, Any] = torch.load(folder / _FILE, weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, ValueError):
        return None
    return state if state.get("key") == key else None
