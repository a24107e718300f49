"""Entries of a registered model's ledger: what happened to its aliases, by whom and why."""

from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

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
"""Digest that the first entry names as the one before it."""
LONGEST = 6000
"""Characters of a param's value; MLflow cuts longer values without an error."""
_SHORT = 400


class Rank(Frozen):
    """Rank of a version among those measured under the same conditions, each beside the baseline."""

    conditions: str
    """sha256 over baseline, rows, metric, and each pool's hardware, runtime and layout."""
    speedup: float
    """Lower end, on the worst required pool."""
    speedup_high: float | None = None
    """Upper end; None in entries from before it was kept: such a speed-up counts as exact."""
    accuracy: float
    """The metric, or its negative where lower is better."""
    size_bytes: int = Field(ge=0)

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.speedup_high is not None and self.speedup_high < self.speedup:
            raise ValueError("speedup_high is below speedup, the lower end")
        return self


class LedgerEntry(Frozen):
    """One event, written once; at most one alias moves with it.

    ``previous`` chains the entries: each holds the digest of the one before.
    """

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
    """Random id of one execution of the gate: no two executions write equal entries."""
    reasons: tuple[str, ...] = ()
    alias: str | None = None
    version: str | None = None
    """Version that the alias names from now on; None where the alias is taken away."""
    before: str | None = None
    """Version that the alias named until now."""
    sha256: str | None = None
    """Of the model that the entry is about: of ``version``, or the one that is rejected, blocked by
    ``rolled_back``, or unblocked."""
    model_id: str | None = None
    recipe: str | None = None
    run_id: str | None = None
    request: str | None = None
    """Digest of the request, which names every file of the evidence by its sha256."""
    policy: str | None = None
    policy_sha256: str | None = None
    standing: Rank | None = None
    """Rank of ``version`` on the alias."""
    approved_by: str | None = None
    protections: tuple[Protection, ...] = ()
    """What stood against a forger of the evidence."""

    def text(self) -> str:
        """Return canonical JSON; see ``fitting``."""
        return canonical_json(
            self.model_dump(mode="json", exclude_defaults=True) | {"schema_version": self.schema_version}
        )

    def fitting(self) -> Self:
        """Return the entry as it fits into a param, with what people wrote cut where it is too long.

        The reasons then say so. Raises LedgerError where the entry does not fit even then.
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
                f"registered model {self.registered_model[:100]!r}: an entry of its ledger would be "
                "too long; use shorter names"
            )
        return entry

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what ``text`` wrote; LedgerError where it is no entry, or not in canonical form."""
        try:
            entry = cls.model_validate_json(text)
        except ValidationError as error:
            raise LedgerError(f"ledger: {text[:60]!r} is no entry; it was altered") from error
        if entry.text() != text:
            raise LedgerError(f"ledger: entry {entry.number} is not in its canonical form; it was altered")
        return entry


def _cut(text: str) -> str:
    return text[:_SHORT]


def digest(entry: LedgerEntry) -> str:
    """Return the digest that the next entry names as ``previous``."""
    return sha256_text(entry.text())
