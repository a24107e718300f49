"""Limits of a process, and what of its errors is a lack of this machine's that may be over the next time."""

import errno
import math
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SHORTAGES = frozenset(
    {
        *(
            errno.ENOSPC,
            errno.EDQUOT,
            errno.EMFILE,
            errno.ENFILE,
            errno.ENOMEM,
            errno.EAGAIN,
            errno.EIO,
            errno.EROFS,
        ),
        *(
            errno.ECONNREFUSED,
            errno.ECONNRESET,
            errno.ETIMEDOUT,
            errno.EPIPE,
            errno.ENETUNREACH,
            errno.EHOSTUNREACH,
        ),
    }
)
"""Numbers of OSErrors that tell of the machine or the network, and not of what was read."""
_STATM = Path("/proc/self/statm")


@dataclass(frozen=True)
class Limits:
    """What a piece of work may take beyond the interpreter and its libraries."""

    cpu_seconds: float
    memory_bytes: int
    wall_seconds: float
    """Longer than ``cpu_seconds``: a busy machine is nobody's fault."""
    file_bytes: int = 0
    """Of each file that it writes."""
    more_cpu_seconds: float = 0
    """That it may ask for, by ``more_time``, once it knows what there is to do."""

    def apply(self) -> None:
        """Hold this process to them for good; memory is counted from what it has now."""
        more = math.ceil(self.more_cpu_seconds) + 1  # SIGXCPU, which tells why, comes before SIGKILL
        _set(resource.RLIMIT_CPU, math.ceil(self.cpu_seconds), more)
        if _STATM.exists():  # elsewhere than on Linux the system does not tell how much that is now
            _set(resource.RLIMIT_AS, _address_space() + self.memory_bytes)
        _set(resource.RLIMIT_FSIZE, self.file_bytes)
        _set(resource.RLIMIT_CORE, 0)


def more_time(seconds: float) -> None:
    """Give this process CPU time from now on.

    Not beyond what its limits have in store, and nothing where it has none.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    if soft != resource.RLIM_INFINITY:
        last = math.ceil(time.process_time() + seconds)
        resource.setrlimit(
            resource.RLIMIT_CPU, (_lower(last, hard if hard == resource.RLIM_INFINITY else hard - 1), hard)
        )


@contextmanager
def file_limit(size: int) -> Iterator[None]:
    """Let this process write no file beyond ``size`` bytes for a while: the writer gets an OSError with EFBIG."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_lower(size, soft, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _set(kind: int, value: int, spare: int = 0) -> None:
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (_lower(value, hard), _lower(value + spare, hard)))


def _lower(*limits: int) -> int:
    """Return the least; a process cannot give itself more than it was given."""
    return min((limit for limit in limits if limit != resource.RLIM_INFINITY), default=resource.RLIM_INFINITY)


def _address_space() -> int:
    """Return the bytes of this process' address space."""
    return int(_STATM.read_text().split()[0]) * resource.getpagesize()
