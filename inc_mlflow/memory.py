"""Free memory, so that what cannot fit is refused with a message before the system kills the process."""

from pathlib import Path

import psutil

_GROUP = Path("/sys/fs/cgroup")


def free_bytes(group: Path = _GROUP) -> int:
    """Return the bytes of memory that this process may still take, on the machine and in its container."""
    return min([psutil.virtual_memory().available, *_left(group)])


def gigabytes(size: int) -> str:
    """Format a size in bytes for a message."""
    return f"{size / 1e9:,.1f} GB"


def _left(group: Path) -> list[int]:
    """Return the bytes that a memory limit of cgroups 2 or 1 leaves; empty where there is no limit.

    File pages count as free: the system drops them first.
    """
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        try:
            most, now = (group / limit).read_text().strip(), int((group / used).read_text())
            pages = _file_pages((group / limit).with_name("memory.stat"))
        except OSError:  # another version, or no limit that can be seen
            continue
        return [int(most) - now + pages] if most.isdecimal() else []
    return []


def _file_pages(stat: Path) -> int:
    rows = dict(line.split() for line in stat.read_text().splitlines())
    return int(rows.get("inactive_file", rows.get("total_inactive_file", 0)))
