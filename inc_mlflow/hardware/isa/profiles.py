"""The CPUs that can be emulated, as the CPUID bits that they lack."""

import os
from collections import defaultdict
from dataclasses import dataclass

from inc_mlflow.spec.pools import Isa

NAME, MASKS = "INC_MLFLOW_ISA", "INC_MLFLOW_CPUID"
"""Environment variables of an emulated process: its profile, and the bits that the handler hides."""
_REGISTERS = ("eax", "ebx", "ecx", "edx")
_Bit = tuple[int, int, str, int]  # leaf, subleaf, register, bit

_AMX: dict[str, _Bit] = {
    "amx_bf16": (7, 0, "edx", 22),
    "amx_tile": (7, 0, "edx", 24),
    "amx_int8": (7, 0, "edx", 25),
    "amx_fp16": (7, 1, "eax", 21),
    "amx_complex": (7, 1, "edx", 8),
}
_VNNI: dict[str, _Bit] = {
    "avx512_vnni": (7, 0, "ecx", 11),
    "avx_vnni": (7, 1, "eax", 4),
    "avx_vnni_int8": (7, 1, "edx", 4),
    "avx_vnni_int16": (7, 1, "edx", 10),
    "avx10": (7, 1, "edx", 19),
}
_AVX512: dict[str, _Bit] = {
    "avx512f": (7, 0, "ebx", 16),
    "avx512dq": (7, 0, "ebx", 17),
    "avx512ifma": (7, 0, "ebx", 21),
    "avx512pf": (7, 0, "ebx", 26),
    "avx512er": (7, 0, "ebx", 27),
    "avx512cd": (7, 0, "ebx", 28),
    "avx512bw": (7, 0, "ebx", 30),
    "avx512vl": (7, 0, "ebx", 31),
    "avx512vbmi": (7, 0, "ecx", 1),
    "avx512_vbmi2": (7, 0, "ecx", 6),
    "avx512_bitalg": (7, 0, "ecx", 12),
    "avx512_vpopcntdq": (7, 0, "ecx", 14),
    "avx512_4vnniw": (7, 0, "edx", 2),
    "avx512_4fmaps": (7, 0, "edx", 3),
    "avx512_vp2intersect": (7, 0, "edx", 8),
    "avx512_fp16": (7, 0, "edx", 23),
    "avx512_bf16": (7, 1, "eax", 5),
}
_SKYLAKE = frozenset({"avx512f", "avx512dq", "avx512bw", "avx512vl"})


@dataclass(frozen=True)
class IsaProfile:
    """One CPU: the features it lacks, those the real CPU must have, and what its u8 x s8 kernels do."""

    name: Isa
    summary: str
    lacks: dict[str, _Bit]
    needs: frozenset[str]
    saturates: bool
    """Its kernels add pairs of products in int16, which saturates."""

    @property
    def hidden(self) -> frozenset[str]:
        """Names of the features it lacks, as Linux spells them."""
        return frozenset(self.lacks)

    def masks(self) -> str:
        """Return the hidden bits for the handler: "leaf,subleaf,eax,ebx,ecx,edx;" in hex, per leaf."""
        hidden: defaultdict[tuple[int, int], dict[str, int]] = defaultdict(
            lambda: dict.fromkeys(_REGISTERS, 0)
        )
        for leaf, subleaf, register, bit in self.lacks.values():
            hidden[leaf, subleaf][register] |= 1 << bit
        return "".join(_hex(*leaf, *registers.values()) for leaf, registers in sorted(hidden.items()))


PROFILES: dict[Isa, IsaProfile] = {
    profile.name: profile
    for profile in (
        IsaProfile(
            "x86-avx2",
            "a CPU with AVX2 and no AVX-512, as AMD Zen 3 or Intel Haswell",
            lacks=_AMX | _VNNI | _AVX512,
            needs=frozenset({"avx2"}),
            saturates=True,
        ),
        IsaProfile(
            "x86-avx512",
            "a CPU with AVX-512 and no VNNI, as Intel Skylake-SP",
            lacks=_AMX | _VNNI,
            needs=frozenset({"avx2"}) | _SKYLAKE,
            saturates=True,
        ),
        IsaProfile(
            "x86-vnni",
            "a CPU with AVX-512 VNNI and no AMX, as Intel Ice Lake or AMD Zen 4",
            lacks=_AMX,
            needs=frozenset({"avx2", "avx512_vnni"}) | _SKYLAKE,
            saturates=False,
        ),
    )
}


def emulated_profile() -> IsaProfile | None:
    """Return the profile that this process runs under; None on the real CPU."""
    name = os.environ.get(NAME)
    return next((profile for profile in PROFILES.values() if profile.name == name), None)


def _hex(*values: int) -> str:
    return ",".join(f"{value:x}" for value in values) + ";"
