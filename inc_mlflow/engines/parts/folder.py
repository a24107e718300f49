"""A model of parts on disk: a source is described by a file, a baseline or candidate is a whole folder."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from inc_mlflow.callables import code_files
from inc_mlflow.errors import ModelError, SpecError
from inc_mlflow.spec.parts import PartsSpec

MODEL = "model.parts"
"""The folder of a model that this program wrote."""
_ABOUT, _CODE = "parts.json", "code"


@dataclass(frozen=True)
class PartsModel:
    """Where the parts and the code of a model are."""

    path: Path
    about: PartsSpec
    parts: Mapping[str, Path]
    code: Path
    """The file with the function."""

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read the description of a source, or of a folder.

        Raises ModelError where it is none, or a folder's names a file outside of the folder.
        """
        inside = path.is_dir()
        try:
            about = PartsSpec.load(path / _ABOUT if inside else path)
        except SpecError as error:
            raise ModelError(f"{path}: is no model of parts ({error})") from error
        named = [*about.parts.values(), about.code, *about.files]
        if inside and (outside := [name for name in named if not _is_inside(name)]):
            raise ModelError(f"{path}: names {outside[0]!r}, which is outside of it; it was altered")
        root = path if inside else path.parent
        return cls(path, about, {name: root / part for name, part in about.parts.items()}, root / about.code)

    def code_files(self) -> list[Path]:
        """Return the file with the function, the modules beside it that it imports, and what it reads."""
        if not self.code.is_file():
            raise ModelError(f"model.pipeline: no file {self.code}; give a path relative to the job file")
        root = self.path if self.path.is_dir() else self.path.parent
        read = [root / file for file in self.about.files]
        if missing := [file for file in read if not file.is_file()]:
            raise ModelError(f"model.files: no file {missing[0]}; give a path relative to the job file")
        return sorted({*code_files(self.code), *read})

    def copy_code(self, folder: Path) -> None:
        """Copy the code into a model's folder; each file keeps its place beside the one with the function."""
        for file in self.code_files():
            target = folder / _CODE / file.relative_to(self.code.parent)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)

    def describe(self, folder: Path, parts: Mapping[str, Path]) -> None:
        """Write the description of a folder that has the code and these parts."""
        places = {name: path.relative_to(folder).as_posix() for name, path in parts.items()}
        files = [(self.path.parent / file).relative_to(self.code.parent) for file in self.about.files]
        self.about.model_copy(
            update={
                "parts": places,
                "pipeline": f"{_CODE}/{self.code.name}:{self.about.function}",
                "files": tuple(f"{_CODE}/{file.as_posix()}" for file in files),
            }
        ).save(folder / _ABOUT)


def _is_inside(name: str) -> bool:
    return not Path(name).is_absolute() and ".." not in Path(name).parts
