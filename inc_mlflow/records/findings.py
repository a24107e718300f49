"""What a gate finds in evidence: all that it decides by, from the process that read it."""

from inc_mlflow.records.base import Frozen
from inc_mlflow.records.judgements import JudgementRecord
from inc_mlflow.records.ledger import Standing
from inc_mlflow.records.protections import Protection


class Place(Frozen):
    """The best candidate of one pool, which it passes on."""

    pool: str
    sha256: str
    standing: Standing


class Finding(Frozen):
    """The judgement, and where it puts candidates."""

    job: str
    """The job's text."""
    judgement: JudgementRecord
    standing: Standing | None
    """Of the requested candidate; None where it does not pass, or there are no numbers of it."""
    places: tuple[Place, ...]
    """Of pools that count, where there are several."""


class Proof(Frozen):
    """How far the evidence can be relied on."""

    protections: tuple[Protection, ...]
