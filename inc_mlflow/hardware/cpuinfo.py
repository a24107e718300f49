"""What Linux says about the CPU."""

from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_VENDORS = {"GenuineIntel": "Intel", "AuthenticAMD": "AMD", "0x41": "ARM"}
"""By vendor on x86 and by implementer on ARM."""


def cpuinfo() -> dict[str, str]:
    """Return the fields of the first processor; nothing where the system has no such file."""
    if not _CPUINFO.exists():
        return {}
    first = _CPUINFO.read_text().partition("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def cpu_flags() -> frozenset[str]:
    """Return the instruction sets of the CPU itself, as Linux spells them on x86 and ARM."""
    facts = cpuinfo()
    return frozenset((facts.get("flags") or facts.get("Features") or "").split())


def vendor() -> str | None:
    """Return the maker of the CPU as pools name it, or as Linux does; None where Linux does not say."""
    facts = cpuinfo()
    name = facts.get("vendor_id") or facts.get("CPU implementer")
    return _VENDORS.get(name, name) if name else None
