"""Write a served model in one of the formats that its engine's files go into."""

import os
import shutil
from pathlib import Path

from inc_mlflow.errors import SpecError, StateError
from inc_mlflow.files import copy_model, writable, write_text
from inc_mlflow.registry.engines import ServedAs
from inc_mlflow.serving.about import about
from inc_mlflow.serving.kserve import inference_service, service_name
from inc_mlflow.serving.served_model import ServedModel
from inc_mlflow.serving.triton import triton_config

TRITON, KSERVE = "triton", "kserve"
_FIRST = "1"
"""Triton's number of the version; the registry's stands in README.md."""


def formats(engine: ServedAs) -> tuple[str, ...]:
    """Return the names of all formats that models of an engine can be written in."""
    return (engine.files, TRITON, KSERVE) if engine.triton else (engine.files,)


def check_target(target: Path) -> None:
    """Raise StateError where a folder has files already: an export never mixes two models."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise StateError(f"{target}: is there already; give --to a new or an empty folder")


def write_served(
    served: ServedModel, engine: ServedAs, kind: str, target: Path, storage_uri: str | None
) -> list[str]:
    """Write the folder whole or not at all; return the paths of its files, relative to it.

    Raises SpecError where KServe is not told where the folder will be.
    """
    if (kind == KSERVE) != (storage_uri is not None):
        raise SpecError(
            "--storage-uri: says where the folder will be uploaded; give it with --format kserve, as "
            "s3://bucket/models/digits, and only there"
        )
    check_target(target)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    with writable(target):
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            _fill(served, engine, kind, partial, storage_uri)
            partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return sorted(str(file.relative_to(target)) for file in target.rglob("*") if file.is_file())


def _fill(served: ServedModel, engine: ServedAs, kind: str, folder: Path, storage_uri: str | None) -> None:
    write_text(folder / "README.md", about(served))
    if kind == engine.files:
        copy_model(served.path, folder / served.path.name)
        return
    name = service_name(served.registered_model)
    repository = folder / "models" / name
    (repository / _FIRST).mkdir(parents=True)
    copy_model(served.path, repository / _FIRST / served.path.name)
    write_text(repository / "config.pbtxt", triton_config(served, name, engine.triton))
    if storage_uri is not None:
        write_text(
            folder / "inference-service.yaml", inference_service(served, name, engine.files, storage_uri)
        )
