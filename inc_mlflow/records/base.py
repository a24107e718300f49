"""The base of all records: written and read as JSON, with a schema version."""

import json
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from inc_mlflow.errors import StateError
from inc_mlflow.files import canonical_json, sha256_text, write_text

Verdict = Literal["pass", "fail", "inconclusive"]
Line = Annotated[str, Field(pattern=r"^(?:[^\p{C}\p{Zl}\p{Zp}]|[\x{200C}\x{200D}])*$")]
"""One line of text without control characters: a gate prints such text from a pipeline to a terminal."""
RECORD = "record.json"
BASELINE = "baseline"
"""Label of the baseline that all models are compared with: that of the first engine."""
SOURCE = "source"
"""Label of the source file in benchmarks."""


def baseline_label(engine: str | None) -> str:
    """Return the label of a further engine's baseline; None gives that of the reference."""
    return BASELINE if engine is None else f"{BASELINE} {engine}"


def is_baseline(label: str) -> bool:
    """Tell whether a label is that of an FP32 baseline, whichever engine's."""
    return label == BASELINE or label.startswith(f"{BASELINE} ")


class Frozen(BaseModel):
    """A value inside a record; strict, and NaN is refused when it is written."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Record(Frozen):
    """Result of one step. ``seconds`` is the wall time of the step's own work."""

    incidental: ClassVar[frozenset[str]] = frozenset({"seconds"})
    """Fields that are ignored when a later step checks whether its inputs are still the same."""

    unsealed: ClassVar[frozenset[str]] = frozenset({"seconds"})
    """Fields that the seal leaves out: they are known only after the raw measurements are written."""

    schema_version: Literal[1] = 1
    seconds: float = 0.0

    def save(self, directory: Path) -> None:
        """Write ``record.json`` into a step's output directory."""
        write_text(directory / RECORD, self.model_dump_json(indent=1))

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read ``record.json`` of a step's output directory.

        Raises StateError where it is missing, damaged or not complete.
        """
        path = directory / RECORD
        try:
            text = path.read_text()
            record = cls.model_validate_json(text)
        except (OSError, UnicodeDecodeError, ValidationError) as error:
            raise StateError(f"{path}: not a readable {cls.__name__}; run the step again") from error
        # A default must not replace a field that the file lacks.
        if record.model_dump(mode="json") != json.loads(text):
            raise StateError(f"{path}: not a whole {cls.__name__}; run the step again")
        return record

    def identity(self) -> str:
        """Return a digest of the record without its incidental fields."""
        return sha256_text(canonical_json(self.model_dump(mode="json", exclude=set(self.incidental))))

    def seal(self) -> str:
        """Return the digest that binds raw measurements to the record, without its unsealed fields."""
        return sha256_text(canonical_json(self.model_dump(mode="json", exclude=set(self.unsealed))))

    def settled(self) -> bool:
        """Tell whether the result is final; a step that found its server unreachable must run again."""
        return True


class Interval(Frozen):
    """An estimate with its one-sided confidence bounds."""

    value: float
    low: float
    high: float

    @classmethod
    def exact(cls, value: float) -> Self:
        """Return a value known without error."""
        return cls(value=value, low=value, high=value)
