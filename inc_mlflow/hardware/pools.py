"""Pools that a job can run on, and the proof that this process is on one."""

from collections.abc import Callable, Mapping
from pathlib import Path

from inc_mlflow.errors import HardwareError
from inc_mlflow.hardware import isa
from inc_mlflow.hardware.expect import confirm_pool, describe_expect, is_met
from inc_mlflow.spec import CPU, LOCAL, SYSTEM, PoolSpec
from inc_mlflow.spec.pools import Emulated, Isa, emulated_pool
from inc_mlflow.spec.presets import definitions

_ELSEWHERE = f"submit the job to a cluster, or write pools: [{LOCAL}]"


def summaries() -> dict[str, str]:
    """Return what a job can write under ``pools``, with a summary each."""
    return (
        {LOCAL: "this machine"}
        | {name: _summary(pool) for name, pool in _known().items()}
        | {
            f"{{emulate: {name}}}": (
                f"accuracy as on {profile.summary}; x86-64 Linux with a C compiler and objdump"
            )
            for name, profile in isa.PROFILES.items()
        }
    )


def matching() -> list[str]:
    """Return the known pools that expect a machine like this one."""
    return [name for name, pool in _known().items() if is_met(pool.expect)]


def check_machine(
    pools: tuple[str | Emulated, ...], placement: Mapping[str, PoolSpec], emulation: Callable[[Isa], None]
) -> None:
    """Raise HardwareError where this machine is not all pools of a job.

    ``emulation`` raises an IncError where this machine cannot emulate an instruction set.
    """
    for pool in pools:
        if isinstance(pool, Emulated):
            emulation(pool.emulate)
        elif pool != LOCAL:
            confirm_pool(pool, placement[pool], _ELSEWHERE)


def proven_pool(pool: str, hardware: PoolSpec) -> str:
    """Return the pool that a number of this process belongs to: the job's, or the one that it emulates.

    Raises HardwareError where the machine is not what the job's pool expects.
    """
    profile = isa.emulated_profile()
    if profile is None:
        confirm_pool(pool, hardware)
        return pool
    if hardware.provider != CPU:
        raise HardwareError(
            f"emulation of {profile.name}: pool {pool!r} runs models by {hardware.provider}; use one on CPUs"
        )
    return emulated_pool(profile.name)


def proven_pool_for_speed(pool: str, hardware: PoolSpec) -> str:
    """Return the same for a speed. Raises HardwareError too where the pool's provider is not the CPU's."""
    if hardware.provider != CPU:
        raise HardwareError(
            f"pools: {pool!r} runs models by {hardware.provider}, and only the speed of CPUs is measured; "
            "give it the role accuracy_only and leave benchmark and search to other pools"
        )
    return proven_pool(pool, hardware)


def _known() -> dict[str, PoolSpec]:
    return {name: pool for name, pool in definitions(None, Path()).items() if name != SYSTEM}


def _summary(pool: PoolSpec) -> str:
    return describe_expect(pool.expect) + (
        f"; {pool.role.replace('_', ' ')}" if pool.role != "required" else ""
    )
