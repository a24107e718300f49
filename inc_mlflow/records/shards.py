"""What the shards of one step write: each with its part of the batches, and with what it has in common with the others."""

import re
from abc import abstractmethod
from typing import Any, ClassVar, Self

from inc_mlflow.errors import SpecError
from inc_mlflow.records.base import Frozen, Record
from inc_mlflow.records.facts import CalibrationRecord, HostFacts
from inc_mlflow.records.measurements import Evaluation


class Shard(Frozen):
    """One part of a split's batches: every ``count``-th one, from the ``number``-th on."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str, where: str = "shard") -> Self:
        """Read "1/4", the first of four; SpecError names ``where`` the text stands."""
        found = re.fullmatch(r"([0-9]+)/([0-9]+)", text)
        number, count = map(int, found.groups()) if found else (0, 0)
        if not 1 <= number <= count:
            raise SpecError(f"{where}: {text!r} is not like 1/4: the first of four parts")
        return cls(number=number, count=count)

    @classmethod
    def all(cls, count: int) -> list[Self]:
        """Return the shards that make up the whole."""
        return [cls(number=number, count=count) for number in range(1, count + 1)]

    def has(self, batch: int) -> bool:
        """Tell whether a batch, counted from 0, is of this shard."""
        return batch % self.count == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


WHOLE = Shard(number=1, count=1)


class ShardRecord(Record):
    """Result of one shard."""

    verb: ClassVar[str]
    """What the user does again where shards do not belong together."""

    shard: Shard

    @property
    @abstractmethod
    def ran_on(self) -> HostFacts:
        """The host of this shard; only those of hosts of one kind are merged."""

    @abstractmethod
    def common(self) -> dict[str, Any]:
        """Return by their names what all shards must have alike."""


class CalibrationShardRecord(CalibrationRecord, ShardRecord):
    """Statistics of one shard; ``rows`` and ``tensors`` are its own, ``data_sha256`` is of the whole split."""

    verb = "calibrate"

    host: HostFacts
    data_sha256: str | None
    """None, as ``ranges_sha256``, where no recipe of the job needs ranges."""
    batches_sha256: str
    """Of the sizes of all batches of the split: they say which rows are whose."""

    @property
    def ran_on(self) -> HostFacts:
        """The host of this shard."""
        return self.host

    def common(self) -> dict[str, Any]:
        """Return model, data, and how the data is shared out."""
        return {"model": self.model_sha256, "data": self.data_sha256, "batches": self.batches_sha256}


class EvaluationShardRecord(Evaluation, ShardRecord):
    """What one shard kept of its rows for the metric, in ``kept.npz``.

    ``evidence`` and ``rows`` are of the whole split.
    """

    verb = "evaluate"
    unsealed = frozenset({"seconds", "kept_sha256"})

    metric_sha256: str
    """Of the metric's options and of the user's code."""
    outputs: tuple[str, ...]
    """Of the baseline: the metric reads some of them."""
    sizes: dict[str, int]
    """Label -> bytes of the model file."""
    kept_sha256: str

    @property
    def ran_on(self) -> HostFacts:
        """The host of this shard."""
        return self.evidence.host

    def common(self) -> dict[str, Any]:
        """Return what the merged record says of all rows, and what its metric is made from."""
        return {
            "pool": [self.evidence.pool, self.evidence.provider],
            "data": [self.evidence.data_sha256, self.rows],
            "models": [self.evidence.models, self.sizes, list(self.outputs)],
            "split": self.split,
            "metric": [self.metric, self.metric_sha256],
            "batch": self.batch,
            "emulated pools": sorted(self.emulated),
        }
