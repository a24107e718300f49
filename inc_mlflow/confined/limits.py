"""Limits of a process, and the errors that mean a shortage on this machine, which may pass."""

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
"""OSError numbers that are about the machine or the network, not about what was read."""
_STATM = Path("/proc/self/statm")


@dataclass(frozen=True)
class Limits:
    """What a piece of work may use, beyond the interpreter and its libraries."""

    cpu_seconds: float
    memory_bytes: int
    wall_seconds: float
    """Longer than ``cpu_seconds``, since the machine may be busy."""
    file_bytes: int = 0
    """Size of each file that it writes, at most."""
    more_cpu_seconds: float = 0
    """CPU time that it may add by ``more_time``, once it knows how much work there is."""

    def apply(self) -> None:
        """Apply the limits to this process, for good; memory counts from what it uses now."""
        more = math.ceil(self.more_cpu_seconds) + 1  # SIGXCPU, which tells why, comes before SIGKILL
        _set(resource.RLIMIT_CPU, math.ceil(self.cpu_seconds), more)
        if _STATM.exists():  # elsewhere than on Linux the system does not tell how much that is now
            _set(resource.RLIMIT_AS, _address_space() + self.memory_bytes)
        _set(resource.RLIMIT_FSIZE, self.file_bytes)
        _set(resource.RLIMIT_CORE, 0)


def more_time(seconds: float) -> None:
    """Let this process use ``seconds`` of CPU time from now on, as far as ``more_cpu_seconds`` allows.

    Does nothing in a process without a limit of CPU time.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    if soft != resource.RLIM_INFINITY:
        last = math.ceil(time.process_time() + seconds)
        resource.setrlimit(
            resource.RLIMIT_CPU, (_lower(last, hard if hard == resource.RLIM_INFINITY else hard - 1), hard)
        )


@contextmanager
def file_limit(size: int) -> Iterator[None]:
    """Limit the files that this process writes to ``size`` bytes; a longer write raises OSError (EFBIG)."""
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
    """Return the smallest limit: a process cannot raise its own hard limit."""
    return min((limit for limit in limits if limit != resource.RLIM_INFINITY), default=resource.RLIM_INFINITY)


def _address_space() -> int:
    """Return the bytes of this process' address space."""
    return int(_STATM.read_text().split()[0]) * resource.getpagesize()
