"""Job text: JSON as this program writes it, or YAML as people do.

Bounded, so that few lines cannot fill the memory.
"""

import json
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import yaml

from inc_mlflow.errors import SpecError

LARGEST = 1 << 20
"""Most characters of a job or another text that people write; PyYAML takes minutes for more."""
_MERGE = "tag:yaml.org,2002:merge"


def read_mapping(text: str, what: str = "job") -> dict[str, Any]:
    """Read JSON or YAML; JSON first, since YAML 1.1 reads its 1e-05 as text.

    ``what`` is the name of the text in messages. Aliases and merge keys of YAML are refused: a few lines of
    them stand for gigabytes. Raises SpecError.
    """
    try:
        data = _read(_bounded(text, what), what)
    except RecursionError as error:
        raise SpecError(f"{what}: nested too deeply; see `inc-mlflow schema`") from error
    return _mapping(data, what)


def read_json(text: str, what: str = "job") -> dict[str, Any]:
    """Read the JSON that this program wrote; raises SpecError for anything else, YAML too."""
    try:
        data = _json(_bounded(text, what), what)
    except RecursionError as error:
        raise SpecError(f"{what}: nested too deeply; see `inc-mlflow schema`") from error
    except ValueError as error:
        raise SpecError(f"{what}: not JSON ({' '.join(str(error).split())}); run the job again") from error
    return _mapping(data, what)


def read_text(path: Path) -> str:
    """Return a file's text, or as much of it as is enough for ``read_mapping`` to refuse it as too long."""
    with path.open(encoding="utf-8") as file:
        return file.read(LARGEST + 1)


@contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Turn what goes wrong with a file into one SpecError that begins with its path.

    ``what`` says what the file should be, as "a job file".
    """
    try:
        yield
    except OSError as error:
        raise SpecError(f"{path}: cannot be read ({error.strerror}); give the path of {what}") from error
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: is not text; give the path of {what} in YAML") from error
    except SpecError as error:
        raise SpecError(f"{path}: {' '.join(str(error).split())}") from error


def _bounded(text: str, what: str) -> str:
    if len(text) > LARGEST:
        raise SpecError(
            f"{what}: longer than {LARGEST} characters, which no {what} needs; "
            "put lists into files of their own"
        )
    return text


def _mapping(data: Any, what: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise SpecError(
            f"{what}: expected a mapping of fields, got {type(data).__name__}; see `inc-mlflow schema`"
        )
    return data


def _read(text: str, what: str) -> Any:
    try:
        return _json(text, what)
    except ValueError:  # not JSON, or an integer of thousands of digits
        return _yaml(text, what)


def _json(text: str, what: str) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        _refuse_twice([key for key, _ in pairs], "", what)
        return dict(pairs)

    return json.loads(text, object_pairs_hook=once)


def _refuse_twice(keys: list[str], where: str, what: str) -> None:
    if len(set(keys)) < len(keys):
        twice = min(key for key, count in Counter(keys).items() if count > 1)
        raise SpecError(f"{what}: {twice!r} stands twice{where}; keep one")


def _yaml(text: str, what: str) -> Any:
    try:
        return _Loader(text, what).get_single_data()
    except (yaml.YAMLError, ValueError) as error:
        raise SpecError(f"{what}: not YAML: {' '.join(str(error).split())}") from error


class _Loader(yaml.SafeLoader):
    """YAML itself forbids a key that stands twice; PyYAML keeps the last and says nothing."""

    def __init__(self, text: str, what: str) -> None:
        super().__init__(text)
        self._what = what

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Refuse an alias where it stands, before anything is built of it."""
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            self._refuse(f"*{event.anchor}", event.start_mark)
        return super().compose_node(parent, index)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge nothing."""
        for key, _ in node.value:
            if key.tag == _MERGE:
                self._refuse("<<", key.start_mark)
        super().flatten_mapping(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        _refuse_twice(keys, f" {str(node.start_mark).strip()}", self._what)
        return super().construct_mapping(node, deep)

    def _refuse(self, reference: str, mark: yaml.Mark) -> NoReturn:
        raise SpecError(
            f"{self._what}: line {mark.line + 1}: {reference} refers to another part; "
            "aliases and merge keys are not read, write it out"
        )
