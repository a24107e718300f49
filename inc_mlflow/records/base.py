"""What all records share: JSON in and out, with a schema version."""

import json
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from inc_mlflow.errors import StateError
from inc_mlflow.files import canonical_json, sha256_text, write_text

Verdict = Literal["pass", "fail", "inconclusive"]
Line = Annotated[str, Field(pattern=r"^(?:[^\p{C}\p{Zl}\p{Zp}]|[\x{200C}\x{200D}])*$")]
"""Text that cannot pass for several lines, or for commands to a terminal, where a gate prints what a pipeline
wrote."""
RECORD = "record.json"
BASELINE = "baseline"
"""Label of the model that all others are compared with: the first engine's."""
SOURCE = "source"
"""Label of the file as it was given, in benchmarks."""


def baseline_label(engine: str | None) -> str:
    """Return the label of a baseline: the reference's without an engine, else that of a further engine."""
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
    """Fields that do not count when a later step asks whether its inputs are still the same."""

    unsealed: ClassVar[frozenset[str]] = frozenset({"seconds"})
    """Fields that the seal leaves out: they are known only when the raw measurements are written."""

    schema_version: Literal[1] = 1
    seconds: float = 0.0

    def save(self, directory: Path) -> None:
        """Write ``record.json`` into a step's output directory."""
        write_text(directory / RECORD, self.model_dump_json(indent=1))

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read ``record.json`` of a step's output directory.

        StateError where it is missing, not ours, or not whole.
        """
        path = directory / RECORD
        try:
            text = path.read_text()
            record = cls.model_validate_json(text)
        except (OSError, UnicodeDecodeError, ValidationError) as error:
            raise StateError(f"{path}: not a readable {cls.__name__}; run the step again") from error
        if record.model_dump(mode="json") != json.loads(
            text
        ):  # a default never stands in for what a file lacks
            raise StateError(f"{path}: not a whole {cls.__name__}; run the step again")
        return record

    def identity(self) -> str:
        """Digest of what the record says, incidental fields aside."""
        return sha256_text(canonical_json(self.model_dump(mode="json", exclude=set(self.incidental))))

    def seal(self) -> str:
        """Digest of all that its raw measurements are bound to: what the record says, less what is known only later."""
        return sha256_text(canonical_json(self.model_dump(mode="json", exclude=set(self.unsealed))))

    def settled(self) -> bool:
        """Tell whether the step is finished for good; one that met an absent server must be asked again."""
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
