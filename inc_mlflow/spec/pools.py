"""Pools of a job: hardware by its name, and instruction sets that this machine emulates."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import Discriminator, Field, Tag

from inc_mlflow.errors import UnknownNameError
from inc_mlflow.registry import did_you_mean
from inc_mlflow.spec.spec_model import SpecModel

Isa = Literal["x86-avx2", "x86-avx512", "x86-vnni"]
ISAS: tuple[Isa, ...] = get_args(Isa)


class Emulated(SpecModel):
    """This machine as a CPU with fewer instructions: it measures accuracy only, and may fail a candidate."""

    emulate: Annotated[Isa, Field(description="x86-avx2: no AVX-512; x86-avx512: no VNNI; x86-vnni: no AMX.")]


def _kind(data: Any) -> str:
    return "emulated_" if isinstance(data, Mapping | Emulated) else "named_"


Pool = Annotated[
    Annotated[str, Tag("named_"), Field(description="A name from `inc-mlflow list pools`.")]
    | Annotated[Emulated, Tag("emulated_")],
    Discriminator(_kind),
]


_EMULATED = "emulated "


def emulated_pool(isa: Isa) -> str:
    """Return the name of an emulated pool in records, tables and reasons."""
    return f"{_EMULATED}{isa}"


def is_emulated(pool: str) -> bool:
    """Tell whether a pool of a record is an emulated one."""
    return pool.startswith(_EMULATED)


def parse_isa(text: str) -> Isa:
    """Read the name of an instruction set; raise UnknownNameError with a list of them."""
    if text not in ISAS:
        raise UnknownNameError(
            f"--isa: no {text!r}{did_you_mean(text, list(ISAS))}; there are {', '.join(ISAS)}"
        )
    return text


def check_pools(pools: tuple[str | Emulated, ...]) -> None:
    """Raise ValueError where the first pool is not real, or a pool is listed twice."""
    if isinstance(pools[0], Emulated):
        raise ValueError(
            "pools: an emulated instruction set never satisfies a required pool; begin with a real one, "
            f"as [local, {{emulate: {pools[0].emulate}}}]"
        )
    twice = [pool for pool in pools if pools.count(pool) > 1]
    if twice:
        name = twice[0].emulate if isinstance(twice[0], Emulated) else twice[0]
        raise ValueError(f"pools: {name!r} stands twice; keep one")
