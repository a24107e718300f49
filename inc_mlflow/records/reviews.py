"""Results of reviewing evidence, as the process that read it hands them to the gate."""

from inc_mlflow.records.base import Frozen
from inc_mlflow.records.judgements import JudgementRecord
from inc_mlflow.records.ledger import Rank
from inc_mlflow.records.protections import Protection


class PoolBest(Frozen):
    """The best candidate that passes on one pool."""

    pool: str
    sha256: str
    rank: Rank


class ReviewResult(Frozen):
    """The judgement of the evidence, and the ranks of the candidates that may be promoted."""

    job: str
    """The job's text."""
    judgement: JudgementRecord
    rank: Rank | None
    """Of the requested candidate; None where it does not pass."""
    pools: tuple[PoolBest, ...]
    """One for each pool that counts and has a passing candidate; empty where only one pool counts."""


class AccuracyProtections(Frozen):
    """How far the accuracy in the evidence can be relied on."""

    protections: tuple[Protection, ...]
