"""Job text: JSON as this program writes it, or YAML as people do."""

import json
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from inc_mlflow.errors import SpecError


def read_mapping(text: str, what: str = "job") -> dict[str, Any]:
    """Read JSON or YAML; JSON first, since YAML 1.1 takes its 1e-05 for text. ``what`` it is stands in messages."""
    try:
        data = _read(text, what)
    except RecursionError as error:
        raise SpecError(f"{what}: nested too deeply; see `inc-mlflow schema`") from error
    if not isinstance(data, dict):
        raise SpecError(f"{what}: expected a mapping of fields, got {type(data).__name__}; see `inc-mlflow schema`")
    return data


def _read(text: str, what: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_pairs)
    except ValueError:  # not JSON, or an integer of thousands of digits
        return _yaml(text, what)


@contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Say of anything that is wrong with a file, in one line, which file it is; ``what`` it should be, as "a job file"."""
    try:
        yield
    except OSError as error:
        raise SpecError(f"{path}: cannot be read ({error.strerror}); give the path of {what}") from error
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: is not text; give the path of {what} in YAML") from error
    except SpecError as error:
        raise SpecError(f"{path}: {' '.join(str(error).split())}") from error


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _refuse_twice([key for key, _ in pairs], "")
    return dict(pairs)


def _refuse_twice(keys: list[str], where: str) -> None:
    twice = {key for key in keys if keys.count(key) > 1}
    if twice:
        raise SpecError(f"job: {sorted(twice)[0]!r} stands twice{where}; keep one")


def _yaml(text: str, what: str) -> Any:
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError) as error:
        raise SpecError(f"{what}: not YAML: {' '.join(str(error).split())}") from error


class _Loader(yaml.SafeLoader):
    """YAML itself forbids a key that stands twice; PyYAML keeps the last and says nothing."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        _refuse_twice(keys, f" {str(node.start_mark).strip()}")
        return super().construct_mapping(node, deep)
