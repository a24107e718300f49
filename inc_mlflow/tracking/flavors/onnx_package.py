"""The files beside a logged model: loading depends on them too, so the model's digest is not enough."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from inc_mlflow.engines.onnxruntime.engine import PROVIDERS
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL, external_files, read_structure
from inc_mlflow.errors import DataError, ModelError, SpecError
from inc_mlflow.files import external_data
from inc_mlflow.spec.text import read_mapping

_CARD, _REQUIREMENTS = "MLmodel", "requirements.txt"
_ENVIRONMENTS = ("conda.yaml", "python_env.yaml")
_EXAMPLES = ("input_example.json", "serving_input_example.json")
_REGISTERED = "registered_model_meta"
"""File with the version of a model; MLflow writes it when it downloads one."""
_FILES = {
    _REGISTERED,
    MODEL,
    external_data(Path(MODEL)).name,
    _CARD,
    _REQUIREMENTS,
    *_ENVIRONMENTS,
    *_EXAMPLES,
}
_NEEDED = {MODEL, _CARD}
_TEXTS = (_CARD, _REQUIREMENTS, *_ENVIRONMENTS)
_LONGEST = 1 << 18
"""Largest size of a text in bytes: PyYAML takes a second and a half for it."""
_FLAVORS = {"onnx", "python_function"}
_SESSION = {"onnx_session_options", "code"}
_LOADER = {"data": MODEL, "loader_module": "mlflow.onnx"}
_PLAIN = {"env", "python_version"}
_PACKAGES = "mlflow|mlflow-skinny|onnx|onnxruntime|onnxruntime-gpu|numpy|pip|setuptools|wheel|python"
_KNOWN = re.compile(
    rf"({_PACKAGES})([=<>]{{1,2}}[0-9][\w.+]*)?|[0-9.]+|conda-forge|defaults|mlflow-env|-r requirements\.txt"
)


def check_onnx_package(folder: Path, model_id: str) -> None:
    """Raise DataError where loading a downloaded model would read or run anything but ``MODEL``.

    The folder may hold what MLflow writes for an ONNX model, and its environments the packages that such a
    model needs.
    """
    try:
        wrong = next(_wrong(folder), None)
    except (ModelError, SpecError, OSError, UnicodeDecodeError, RecursionError) as error:
        wrong = f"cannot be read ({error})"
    if wrong:
        raise DataError(f"logged model {model_id}: {wrong}; it was altered, or inc-mlflow did not log it")


def _wrong(folder: Path) -> Iterator[str]:
    present = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if not file.is_dir()}
    yield from (f"lacks {name}" for name in sorted(_NEEDED - present))
    yield from (f"has {name} beside the model" for name in sorted(present - _FILES))
    if long := [name for name in _TEXTS if name in present and (folder / name).stat().st_size > _LONGEST]:
        yield f"has a {long[0]} that is longer than MLflow writes it"
        return
    weights = {file.name for file in external_files(read_structure(folder / MODEL), folder / MODEL)}
    yield from (f"keeps weights in {name}" for name in sorted(weights - {external_data(folder / MODEL).name}))
    yield from _wrong_card(read_mapping((folder / _CARD).read_text(), _CARD).get("flavors"))
    yield from _wrong_packages(folder, present)


def _wrong_card(flavors: Any) -> Iterator[str]:
    """Check what MLflow does to load the model: which file, by which module, with which options."""
    if (
        not isinstance(flavors, Mapping)
        or set(flavors) != _FLAVORS
        or not all(isinstance(flavor, Mapping) for flavor in flavors.values())
    ):
        yield f"{_CARD} is not that of an ONNX model"
        return
    onnx, python = (
        {key: value for key, value in flavors[name].items() if value is not None} for name in sorted(_FLAVORS)
    )
    if onnx.get("data") != MODEL or _SESSION & set(onnx) or not _known_providers(onnx.get("providers")):
        yield f"{_CARD} loads another file than {MODEL}, or with options"
    if {key: value for key, value in python.items() if key not in _PLAIN} != _LOADER:
        yield f"{_CARD} loads the model by other code than mlflow.onnx"


def _known_providers(providers: Any) -> bool:
    return providers is None or (
        isinstance(providers, list) and all(str(name) in PROVIDERS.values() for name in providers)
    )


def _wrong_packages(folder: Path, present: set[str]) -> Iterator[str]:
    """Check what MLflow would install to load the model."""
    for name in sorted(present & {_REQUIREMENTS, *_ENVIRONMENTS}):
        text = (folder / name).read_text()
        named = text.splitlines() if name == _REQUIREMENTS else _texts(read_mapping(text, name))
        yield from (
            f"{name} installs {one!r}" for one in map(str.strip, named) if one and not _KNOWN.fullmatch(one)
        )


def _texts(value: Any) -> Iterator[str]:
    """Yield every text inside nested mappings and lists."""
    if isinstance(value, Mapping | list):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(one)
    else:
        yield str(value)
