"""What all records share: JSON in and out, with a schema version."""

from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from inc_mlflow.errors import StateError
from inc_mlflow.storage import canonical_json, sha256_text, write_text

Verdict = Literal["pass", "fail", "inconclusive"]
RECORD = "record.json"
BASELINE = "baseline"
"""Label of the model that all others are compared with."""


class Frozen(BaseModel):
    """A value inside a record; strict, and NaN is refused when it is written."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Record(Frozen):
    """Result of one step. ``seconds`` is the wall time of the step's own work."""

    incidental: ClassVar[frozenset[str]] = frozenset({"seconds"})
    """Fields that do not count when a later step asks whether its inputs are still the same."""

    schema_version: Literal[1] = 1
    seconds: float = 0.0

    def save(self, directory: Path) -> None:
        """Write ``record.json`` into a step's output directory."""
        write_text(directory / RECORD, self.model_dump_json(indent=1))

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read ``record.json`` of a step's output directory; StateError where it is missing or not ours."""
        path = directory / RECORD
        try:
            return cls.model_validate_json(path.read_text())
        except (OSError, ValidationError) as error:
            raise StateError(f"{path}: not a readable {cls.__name__}; run the step again") from error

    def identity(self) -> str:
        """Digest of what the record says, incidental fields aside."""
        return sha256_text(canonical_json(self.model_dump(mode="json", exclude=set(self.incidental))))

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
