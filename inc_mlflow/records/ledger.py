"""The ledger of a registered model: what happened to its aliases, by whom and why.

Each entry names the one before it.
"""

from typing import Literal, Self

from pydantic import ValidationError

from inc_mlflow.errors import LedgerError
from inc_mlflow.files import canonical_json, sha256_text
from inc_mlflow.records.base import Frozen
from inc_mlflow.records.protections import Protection

Kind = Literal[
    "adopted",
    "promoted",
    "rejected",
    "challenged",
    "withdrawn",
    "rolled_back",
    "unblocked",
    "frozen",
    "unfrozen",
]
START = "0" * 64
"""What the first entry names as the one before it."""
LONGEST = 6000
"""Characters of a param's value; MLflow cuts what is longer without a word."""
_SHORT = 400


class Rank(Frozen):
    """What ranks versions that were measured under the same conditions, each beside the baseline."""

    conditions: str
    """sha256 over baseline, rows, metric, and each pool's hardware, runtime and layout."""
    speedup: float
    """Lower end, on the worst required pool."""
    accuracy: float
    """The metric, or its negative where lower is better."""
    size_bytes: int

    def beats(self, other: Self) -> bool:
        """Tell whether this one comes first in the order of the table."""
        return (self.speedup, self.accuracy, -self.size_bytes) > (
            other.speedup,
            other.accuracy,
            -other.size_bytes,
        )


class Entry(Frozen):
    """One thing that happened; at most one alias moves with it."""

    schema_version: Literal[1] = 1
    number: int
    """From 1."""
    previous: str
    """Digest of the entry before."""
    kind: Kind
    registered_model: str
    at: str
    """UTC, ISO 8601, by the clock of the gate's host."""
    who: str
    gate: str
    """Of one execution of the gate: no two write equal entries."""
    reasons: tuple[str, ...] = ()
    alias: str | None = None
    version: str | None = None
    """What the alias names from now on; None where it is taken away."""
    before: str | None = None
    """What it named until now."""
    sha256: str | None = None
    """Of the model that this is about: of ``version``, or of what is rejected, blocked by ``rolled_back``, or
    unblocked."""
    model_id: str | None = None
    recipe: str | None = None
    run_id: str | None = None
    request: str | None = None
    """Digest of the request, which names every file of the evidence by its sha256."""
    policy: str | None = None
    policy_sha256: str | None = None
    standing: Rank | None = None
    approved_by: str | None = None
    protections: tuple[Protection, ...] = ()
    """What stood against a forger of the evidence."""

    def text(self) -> str:
        """Return canonical JSON; see ``fitting``."""
        return canonical_json(
            self.model_dump(mode="json", exclude_defaults=True) | {"schema_version": self.schema_version}
        )

    def fitting(self) -> Self:
        """Return the entry as it fits into a param: what people wrote is cut, and says so, where it would not.

        LedgerError where it does not fit even then.
        """
        if len(self.text()) <= LONGEST:
            return self
        reasons = (
            *(_cut(reason) for reason in self.reasons[:4]),
            f"(shortened: {len(self.reasons)} reasons)",
        )
        entry = self.model_copy(
            update={"reasons": reasons, "recipe": _cut(self.recipe) if self.recipe else None}
        )
        if len(entry.text()) > LONGEST:
            raise LedgerError(
                f"registered model {self.registered_model[:100]!r}: an entry of its ledger would be too long; use shorter names"
            )
        return entry

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what ``text`` wrote; LedgerError where it is none, or not in this form."""
        try:
            entry = cls.model_validate_json(text)
        except ValidationError as error:
            raise LedgerError(f"ledger: {text[:60]!r} is no entry; it was altered") from error
        if entry.text() != text:
            raise LedgerError(f"ledger: entry {entry.number} is not in its canonical form; it was altered")
        return entry


def _cut(text: str) -> str:
    return text[:_SHORT]


def digest(entry: Entry) -> str:
    """Return what the next entry names."""
    return sha256_text(entry.text())
