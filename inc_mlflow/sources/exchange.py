"""What a framework's process is asked, and what it answers: JSON and arrays in a folder."""

from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from inc_mlflow.records import TensorSpec
from inc_mlflow.registry.sources import SOURCES
from inc_mlflow.sources.source import Converted

ROWS, VALUES = "rows.npz", "values.npz"
"""Files with the batches to run, and with what they gave."""
_REQUEST, _ANSWER = "request.json", "answer.json"


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Request(_Message):
    """Open a source and convert it into ``target``, or, without one, run the batches of the folder."""

    kind: str
    text: str
    """The ``SourceSpec`` as canonical JSON."""
    root: str
    target: str = ""
    inputs: tuple[TensorSpec, ...] = ()
    """Inputs as the ONNX file declares them."""
    layers: tuple[str, ...] = ()
    """Tensors whose values are wanted besides the outputs."""

    @property
    def spec(self) -> Any:
        """The source's options; raise TypeError where its kind has none."""
        kind = SOURCES.options(self.kind)
        if kind is None:
            raise TypeError(f"sources: {self.kind!r} has no options")
        return kind.model_validate_json(self.text)

    def save(self, folder: Path) -> None:
        """Write what ``load`` reads."""
        (folder / _REQUEST).write_text(self.model_dump_json())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the request of a folder."""
        return cls.model_validate_json((folder / _REQUEST).read_text())


class Answer(_Message):
    """What the process did, or the IncError that ended it."""

    converted: Converted | None = None
    """Given where a file was written."""
    error: str = ""
    """Name of the error's class; empty where there was none."""
    message: str = ""
    details: str = ""

    def save(self, folder: Path) -> None:
        """Write what ``load`` reads."""
        (folder / _ANSWER).write_text(self.model_dump_json())

    @classmethod
    def load(cls, folder: Path) -> "Answer | None":
        """Read the answer in a folder; None where the process wrote none."""
        path = folder / _ANSWER
        return cls.model_validate_json(path.read_text()) if path.exists() else None
