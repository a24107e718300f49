"""Records of shards: the part of the batches of each, and the facts that all shards must share."""

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
        """Read "1/4", the first of four; raise SpecError that begins with ``where``."""
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
    """The command to repeat where shards do not belong together."""

    shard: Shard

    @property
    @abstractmethod
    def ran_on(self) -> HostFacts:
        """The host of this shard; only shards of one kind of host are merged."""

    @abstractmethod
    def common(self) -> dict[str, Any]:
        """Return by name the facts that all shards must share."""


class CalibrationShardRecord(CalibrationRecord, ShardRecord):
    """Statistics of one shard: its own ``rows`` and ``tensors``, and ``data_sha256`` of the whole split."""

    verb = "calibrate"

    host: HostFacts
    data_sha256: str | None
    """None, as ``ranges_sha256``, where no recipe of the job needs ranges."""
    batches_sha256: str
    """Digest of the sizes of all batches of the split, which decide the rows of each shard."""

    @property
    def ran_on(self) -> HostFacts:
        """The host of this shard."""
        return self.host

    def common(self) -> dict[str, Any]:
        """Return model, data, and the division of the data into batches."""
        return {"model": self.model_sha256, "data": self.data_sha256, "batches": self.batches_sha256}


class EvaluationShardRecord(Evaluation, ShardRecord):
    """Evaluation of one shard, with its reduced rows in ``kept.npz``.

    ``evidence`` and ``rows`` are those of the whole split.
    """

    verb = "evaluate"
    unsealed = frozenset({"seconds", "kept_sha256"})

    metric_sha256: str
    """Digest of the metric's options and the user's code."""
    outputs: tuple[str, ...]
    """Names of the baseline's outputs; the metric reads some of them."""
    sizes: dict[str, int]
    """Label -> bytes of the model file."""
    kept_sha256: str

    @property
    def ran_on(self) -> HostFacts:
        """The host of this shard."""
        return self.evidence.host

    def common(self) -> dict[str, Any]:
        """Return the facts of the merged record about all rows, and the digest of its metric."""
        return {
            "pool": [self.evidence.pool, self.evidence.provider],
            "data": [self.evidence.data_sha256, self.rows],
            "models": [self.evidence.models, self.sizes, list(self.outputs), self.evidence.not_loaded],
            "split": self.split,
            "metric": [self.metric, self.metric_sha256],
            "batch": self.batch,
            "emulated pools": sorted(self.emulated),
        }
