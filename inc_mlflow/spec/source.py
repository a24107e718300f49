"""The model of a job as a framework has it: one mapping per kind, told from a path where that says it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from inc_mlflow.callables import code_files
from inc_mlflow.errors import MissingExtraError, SpecError
from inc_mlflow.files import canonical_json
from inc_mlflow.registry.engines import DEFAULT_ENGINE, ENGINES
from inc_mlflow.registry.sources import BUILT, SOURCES, source_entry
from inc_mlflow.remote import is_remote, local_path
from inc_mlflow.spec.artifact import located
from inc_mlflow.spec.data import in_artifact
from inc_mlflow.spec.spec_model import SpecModel, spec_error
from inc_mlflow.spec.text import read_mapping

_FUNCTION = re.compile(r"^.+\.py:\w+$")
CONVERTED = "source.onnx"
"""What engines are asked about a source that becomes an ONNX file."""


class SourceSpec(SpecModel):
    """A framework's model; the name of the first field is its kind, a name of ``list sources``."""

    @property
    def kind(self) -> str:
        """Name of its entry in the registry of sources."""
        return next(iter(type(self).model_fields))

    @property
    def where(self) -> str:
        """What messages call the model: its path, or file and function."""
        return str(getattr(self, self.kind))

    def functions(self) -> dict[str, str]:
        """Return field -> function in a file of the user's, as file.py:function."""
        return {}

    def paths(self) -> dict[str, str]:
        """Return field -> path or URI of a file or folder that is no code."""
        return {self.kind: self.where}

    def files(self, root: Path) -> list[Path]:
        """Return all files of the model, which its digest is of: of folders all, of code what it imports.

        Those inside an artifact are none of them; see ``located``.
        """
        paths = (path for path in self.paths().values() if not in_artifact(path))
        found = [one for path in paths for one in _all_files(local_path(path, root))]
        functions = (one for one in self.functions().values() if not in_artifact(one))
        code = (root / reference.rpartition(":")[0] for reference in functions)
        return list(dict.fromkeys([*found, *(one for file in code for one in code_files(file.resolve()))]))

    def changed(self, folder: Path) -> "SourceSpec":
        """Return the model as a stage left it in ``folder``; kinds that no method changes have none."""
        raise TypeError(f"sources: {self.kind!r} cannot be changed by a method")

    def located(self, artifact: Path) -> Self:
        """Return the model with local paths for those in the artifact; raise as ``located``."""
        return self.model_validate(located(self.model_dump(mode="json", exclude_none=True), artifact))

    def to_text(self) -> str:
        """Return canonical JSON."""
        return canonical_json(self.model_dump(mode="json", exclude_none=True))


class _RegisteredSources:
    """The options of every registered kind, each imported when a job has a model of it."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_validated)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return a choice between all kinds."""
        models = [SOURCES.options(name) for name in SOURCES]
        return {"oneOf": [handler(model.__pydantic_core_schema__) for model in models if model is not None]}


AnySource = Annotated[SourceSpec, _RegisteredSources]
"""A source of any kind."""


def _validated(model: Any) -> SourceSpec:
    """Read a source by the options of its kind; raise ValidationError that names the field."""
    kind = source_kind(model)
    options = None if kind is None else SOURCES.options(kind)
    if options is None or not issubclass(options, SourceSpec):
        raise ValueError(f"no source of that kind; there are {', '.join(SOURCES)}")
    return options.model_validate(model)


def parse_source(data: Any) -> SourceSpec:
    """Read a source from plain data; raise SpecError that names the field."""
    try:
        return _validated(data)
    except ValidationError as error:
        raise SpecError(f"model.{spec_error(error)}") from error


def source_kind(model: object) -> str | None:
    """Return the kind of source that a job's model is written as; None where it is a path or has parts."""
    if isinstance(model, SourceSpec):
        return model.kind
    if not isinstance(model, Mapping) or "parts" in model:
        return None
    return next((name for name in SOURCES if name in model), None)


def of_artifact(model: object) -> bool:
    """Tell whether a job's model is, in part or whole, the artifact of a task of a user's pipeline."""
    if isinstance(model, SourceSpec):
        return any(map(in_artifact, (*model.paths().values(), *model.functions().values())))
    return isinstance(model, str) and in_artifact(model)


def image_of(model: object) -> str | None:
    """Return the image of the task that imports a framework's model; None for that of its pool."""
    kind = source_kind(model)
    return None if kind is None else source_entry(kind).image


def with_source(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a job's data with a mapping for a path that no engine of the job takes and a source does."""
    model, engines = data.get("model"), data.get("engines", [DEFAULT_ENGINE])
    if not isinstance(model, str) or _is_taken(model, engines if isinstance(engines, Sequence) else ()):
        return dict(data)
    kind = BUILT if _FUNCTION.match(model) else SOURCES.named_by(model)
    return {**data, "model": {kind: model} if kind else model}


def named_source(text: str, root: Path) -> SourceSpec | None:
    """Return the framework's model that a command line names; None where it is a path that an engine takes.

    The text is a path, a function as model.py:build, or a mapping as in a job. Raises SpecError where it is
    neither.
    """
    given = read_mapping(text) if text.lstrip().startswith("{") else told_from_files(text, root)
    model = with_source({"model": given, "engines": list(ENGINES)})["model"]
    if isinstance(model, str):
        return None
    if source_kind(model) is None:
        raise SpecError(f"model: {text}: no source of that kind; there are {', '.join(SOURCES)}")
    return parse_source(model)


def told_from_files(model: object, root: Path) -> object:
    """Return a mapping for a local path whose kind only its files tell, as a folder's."""
    if not isinstance(model, str) or is_remote(model) or "\0" in model or _is_taken(model, [DEFAULT_ENGINE]):
        return model
    path = root / model
    for kind in SOURCES:
        entry = source_entry(kind)
        inside = path.is_dir() and any(True for mark in entry.marks for _ in path.glob(mark))
        if inside or any(Path(f"{path}{ending}").is_file() for ending in entry.beside):
            return {kind: model}
    return model


def _is_taken(path: str, engines: Iterable[Any]) -> bool:
    names = list(ENGINES) if isinstance(engines, str) else [name for name in engines if name in ENGINES]
    for name in names:
        try:
            ENGINES.get(name).check_source(path)
        except (MissingExtraError, ValueError):
            continue
        return True
    return False


def _all_files(path: Path) -> list[Path]:
    return sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
