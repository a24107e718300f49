"""Pools a job can run on. This table is what ``inc-mlflow list pools`` prints."""

from inc_mlflow.errors import UnknownNameError
from inc_mlflow.registry import did_you_mean

POOLS = {"local": "this machine"}


def check(names: tuple[str, ...]) -> None:
    """Raise UnknownNameError where a job names a pool that is not there."""
    for name in names:
        if name not in POOLS:
            raise UnknownNameError(f"pools: no {name!r}{did_you_mean(name, list(POOLS))}; there are {', '.join(POOLS)}")
