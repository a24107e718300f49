"""Reads the state dict of a module; no code that a file may hold is run."""

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.errors import ModelError
from inc_mlflow.sources.pytorch.options import GIVE
from inc_mlflow.sources.source import framework_call

if TYPE_CHECKING:
    import torch

_KEYS = ("state_dict", "model_state_dict", "model")
"""Under which of its keys a training checkpoint has the state dict."""


def read_weights(path: Path, where: str) -> "dict[str, torch.Tensor]":
    """Return name -> tensor; raise ModelError for a pickle with code, TorchScript, or no state dict.

    Messages begin with ``where``, the field that names the file.
    """
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        with framework_call(f"{where}: {path} cannot be read; save it with safetensors.torch.save_file"):
            return load_file(path)
    if _is_torchscript(path):
        raise ModelError(f"{where}: {path} is TorchScript, a program, which is not run; {GIVE}")
    return _tensors(_loaded(path, where), path, where)


def _loaded(path: Path, where: str) -> object:
    import torch

    try:
        with (
            warnings.catch_warnings(action="ignore"),
            framework_call(f"{where}: {path} cannot be read; save it with torch.save"),
        ):
            return torch.load(path, map_location="cpu", weights_only=True)
    except ModelError as error:
        if isinstance(error.__cause__, pickle.UnpicklingError):
            raise ModelError(
                f"{where}: {path} holds pickled code, which is not run; save the weights alone, "
                "torch.save(module.state_dict(), …) or safetensors",
                details=error.details,
            ) from error
        raise


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.partition("/")[2].startswith("code/") for name in archive.namelist())


def _tensors(loaded: object, path: Path, where: str) -> "dict[str, torch.Tensor]":
    import torch

    candidates = [loaded]
    if isinstance(loaded, Mapping):
        candidates += [loaded[key] for key in _KEYS if key in loaded]
    for one in candidates:
        if (
            isinstance(one, Mapping)
            and one
            and all(isinstance(value, torch.Tensor) for value in one.values())
        ):
            return {str(name): tensor for name, tensor in one.items()}
    raise ModelError(f"{where}: {path} is no state dict; save module.state_dict()")
