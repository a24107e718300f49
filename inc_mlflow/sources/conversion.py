"""The ONNX file of a framework's model: made once, kept in the cache for the same model and framework."""

from functools import cache
from importlib.metadata import distributions
from pathlib import Path

from pydantic import TypeAdapter

from inc_mlflow import __version__
from inc_mlflow.errors import ModelError
from inc_mlflow.files import canonical_json, files_sha256, sha256_text, write_text
from inc_mlflow.registry.sources import source_entry
from inc_mlflow.remote import cache_folder
from inc_mlflow.remote.entries import cache_entry
from inc_mlflow.sources.process import convert_apart
from inc_mlflow.sources.source import Converted
from inc_mlflow.spec import SourceSpec

_ABOUT = "converted.json"
_SUFFIX = ".onnx"


def converted(spec: SourceSpec, root: Path) -> Path:
    """Return the ONNX file of a source.

    Raises ModelError where a file of it is missing, and what ``convert_apart`` raises.
    """
    for file in (files := spec.files(root)):
        if not file.is_file():
            raise ModelError(f"model: no file {file}; give a path relative to the job file")
    if not files:
        raise ModelError(f"model: {spec.where} holds no files; give a path relative to the job file")
    stats = tuple((str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files)
    return _converted(spec, root, stats)


def about_converted(file: Path) -> Converted:
    """Return what the source said of a file that ``converted`` returned."""
    return TypeAdapter(Converted).validate_json((file.parent / _ABOUT).read_text())


@cache
def _converted(spec: SourceSpec, root: Path, stats: tuple[tuple[str, int, int], ...]) -> Path:
    packages = source_entry(spec.kind).packages
    content = {
        "spec": spec.to_text(),
        "files": files_sha256([Path(name) for name, *_ in stats]),
        "versions": {name: one.version for name in packages for one in distributions(name=name)},
        "program": __version__,
    }
    folder = cache_folder() / "sources" / sha256_text(canonical_json(content))[:32]
    name = f"{Path(spec.where.rpartition(':')[0] or spec.where).stem or spec.kind}{_SUFFIX}"

    def fill(partial: Path) -> None:
        about = convert_apart(spec, root, partial / name)
        write_text(partial / _ABOUT, TypeAdapter(Converted).dump_json(about).decode())

    return cache_entry(folder, fill) / name
