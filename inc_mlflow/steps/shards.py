"""Load the shards of a step, and check that together they are complete."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from inc_mlflow.errors import DataError
from inc_mlflow.records import ShardRecord

R = TypeVar("R", bound=ShardRecord)


def load_shards(directories: Sequence[Path], load: Callable[[Path], R]) -> dict[Path, R]:
    """Read the records of all shards, in order of their numbers.

    Raises DataError where they are not complete, or do not belong together.
    """
    loaded = sorted(((load(path), path) for path in directories), key=lambda pair: pair[0].shard.number)
    records = [record for record, _ in loaded]
    if not records:
        raise DataError("merge: no shards; give the directory of each")
    _check_complete(records)
    for record in records[1:]:
        _check_alike(record, records[0])
    return {path: record for record, path in loaded}


def _check_complete(records: Sequence[ShardRecord]) -> None:
    given = [record.shard for record in records]
    for number, shard in enumerate(given, 1):
        if shard.count != given[0].count:
            raise DataError(
                f"merge: shards {given[0]} and {shard} are not of one count; give all shards of the same"
            )
        if shard.number < number:
            raise DataError(f"merge: shard {shard} is given twice; give each once")
        if shard.number > number:
            raise DataError(f"merge: shard {number}/{shard.count} is missing; give all of them")
    if len(given) < given[0].count:
        raise DataError(f"merge: shard {len(given) + 1}/{given[0].count} is missing; give all of them")


def _check_alike(record: ShardRecord, first: ShardRecord) -> None:
    other = [name for name, value in first.common().items() if record.common()[name] != value]
    if not (record.ran_on.same_hardware(first.ran_on) and record.ran_on.runtime == first.ran_on.runtime):
        other.append("kind of host")
    if other:
        raise DataError(
            f"merge: shards {first.shard} and {record.shard} differ in {other[0]}; "
            f"{record.verb} all of them again with one job"
        )
