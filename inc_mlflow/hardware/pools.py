"""Pools a job can run on."""

from inc_mlflow.hardware import isa
from inc_mlflow.spec.pools import Emulated, emulated_pool

POOLS = {"local": "this machine"}


def summaries() -> dict[str, str]:
    """Return what a job can write under ``pools``, with a summary each."""
    return POOLS | {
        f"{{emulate: {name}}}": f"accuracy as on {profile.summary}; x86-64 Linux with a C compiler and objdump"
        for name, profile in isa.PROFILES.items()
    }


def check(pools: tuple[str | Emulated, ...]) -> None:
    """Raise an IncError where a job names a pool that is not there, or asks for emulation that is not possible here."""
    for pool in pools:
        if isinstance(pool, Emulated):
            isa.check(pool.emulate)


def here(pool: str) -> str:
    """Return the pool that a number of this process belongs to: the job's, or the CPU that the process emulates."""
    profile = isa.present()
    return emulated_pool(profile.name) if profile else pool
