"""A model of several graphs: parts by name, and the function of the user's that runs them as one model."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from pydantic import Field, ValidationError, model_validator

from inc_mlflow.files import canonical_json, sha256_text, write_text
from inc_mlflow.registry import did_you_mean
from inc_mlflow.registry.engines import PARTS
from inc_mlflow.remote import cache_folder, local_path
from inc_mlflow.spec.data import Function, LocalPath, RemotePath
from inc_mlflow.spec.source import source_kind
from inc_mlflow.spec.spec_model import SpecModel, spec_error
from inc_mlflow.spec.text import read_json, read_text, reading

PER_PART = "per_part"
"""The method of the engine of parts: a recipe of its own for each part."""
SUFFIX = ".parts.json"
"""Ending of a file that describes such a model."""
_Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]


class PartsSpec(SpecModel):
    """Several graphs that a function runs as one model, as encoder and decoder."""

    parts: Annotated[
        dict[_Name, RemotePath],
        Field(min_length=1, description="Name -> its source, as {encoder: e.onnx, decoder: d.onnx}."),
    ]
    pipeline: Annotated[Function, Field(description="The function that runs them, as run.py:generate.")]
    files: Annotated[
        tuple[LocalPath, ...],
        Field(strict=False, description="Files that the function reads, in the folder of its file or below."),
    ] = ()
    inputs: Annotated[
        str | dict[str, str],
        Field(
            description="What rows have: the part that has the same inputs, by default the first; "
            "or input -> NumPy type."
        ),
    ] = ""
    outputs: Annotated[
        tuple[str, ...],
        Field(strict=False, min_length=1, description="Names of what the function returns."),
    ] = ("output",)

    @model_validator(mode="before")
    @classmethod
    def _inputs_of_the_first(cls, data: Any) -> Any:
        """Name the part that gives the inputs, since canonical text does not keep the order of parts."""
        if isinstance(data, Mapping) and "inputs" not in data and isinstance(data.get("parts"), Mapping):
            return {**data, "inputs": str(next(iter(data["parts"]), ""))}
        return data

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if isinstance(self.inputs, str) and self.inputs not in self.parts:
            raise ValueError(f"inputs: no part {self.inputs!r}; there are {', '.join(self.parts)}")
        for name, dtype in dict(() if isinstance(self.inputs, str) else self.inputs).items():
            try:
                np.dtype(dtype)
            except TypeError as error:
                raise ValueError(f"inputs.{name}: no type {dtype!r}; write NumPy's name, as int64") from error
        folder = Path(self.code).parent
        for file in self.files:
            if ".." in Path(file).parts or not Path(file).is_relative_to(folder):
                raise ValueError(
                    f"files: {file!r} is not in the folder of {self.code} or below; move it there"
                )
        return self

    @property
    def code(self) -> str:
        """Path of the file with the function."""
        return self.pipeline.rpartition(":")[0]

    @property
    def function(self) -> str:
        """Name of the function."""
        return self.pipeline.rpartition(":")[2]

    def source(self, root: Path) -> Path:
        """Describe the model, with absolute paths, in a file of the cache, and return that file's path.

        Equal models give the same path. Remote parts are fetched.
        """
        here = self.model_copy(
            update={
                "parts": {name: str(local_path(path, root).resolve()) for name, path in self.parts.items()},
                "pipeline": f"{(root / self.code).resolve()}:{self.function}",
                "files": tuple(str((root / file).resolve()) for file in self.files),
            }
        )
        path = cache_folder() / "parts" / f"{sha256_text(here.to_text())[:12]}{SUFFIX}"
        if not path.exists():
            here.save(path)
        return path

    def to_text(self) -> str:
        """Return canonical JSON."""
        return canonical_json(self.model_dump(mode="json"))

    def save(self, path: Path) -> None:
        """Write what ``load`` reads."""
        write_text(path, self.to_text())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what ``save`` wrote; raise SpecError for anything else."""
        with reading(path, "a description of a model of parts"):
            try:
                return cls.model_validate(read_json(read_text(path), path.name))
            except ValidationError as error:
                raise spec_error(error) from error


def parts_job(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data of a job whose model has parts, with the engine of parts and recipes of its own.

    ``{method: …}`` is for all parts, ``{method: …, parts: [encoder]}`` for some, and
    ``{parts: {encoder: {method: …}}}`` gives each its own; parts without one stay FP32.
    """
    parts = data["model"].get("parts")
    names = list(parts) if isinstance(parts, Mapping) else []  # what else it may be is refused as a field
    recipes = data.get("recipes")
    if names and isinstance(recipes, Sequence) and not isinstance(recipes, str):
        recipes = [_per_part(recipe, names) for recipe in recipes]
    return {**data, "engines": [PARTS]} | ({"recipes": recipes} if "recipes" in data else {})


def has_parts(model: object) -> bool:
    """Tell whether a job's model is given as a mapping that is no framework's model: one of several parts."""
    return isinstance(model, Mapping | PartsSpec) and source_kind(model) is None


def _per_part(recipe: Any, names: Sequence[str]) -> Any:
    if not isinstance(recipe, Mapping):
        return recipe
    parts = recipe.get("parts", names)
    if isinstance(parts, Mapping):
        others = {key: value for key, value in recipe.items() if key != "parts"}
        return {**others, "engine": PARTS, "method": PER_PART, "parts": _known(parts, names)}
    if not isinstance(parts, Sequence) or isinstance(parts, str) or not parts:
        raise ValueError("recipes: parts: give names of parts, as [encoder], or a recipe for each")
    own = {key: value for key, value in recipe.items() if key != "parts"}
    own_of = {str(name): own for name in parts}
    return {"engine": PARTS, "method": PER_PART, "parts": _known(own_of, names)}


def _known(recipes: Mapping[Any, Any], names: Sequence[str]) -> dict[Any, Any]:
    """Return the recipes of parts; raise ValueError where the model has no such part."""
    if unknown := [name for name in recipes if name not in names]:
        close = did_you_mean(str(unknown[0]), names)
        raise ValueError(f"recipes: no part {unknown[0]!r}{close}; the model has {', '.join(names)}")
    return dict(recipes)
