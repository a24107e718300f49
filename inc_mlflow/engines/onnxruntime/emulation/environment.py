"""The environment that makes a process an emulated CPU, and the proof in that process that it is one."""

import ctypes
import os

from inc_mlflow.engines.onnxruntime.emulation import cache
from inc_mlflow.engines.onnxruntime.emulation.needs import missing
from inc_mlflow.errors import HardwareError, MissingExtraError
from inc_mlflow.hardware.isa.profiles import MASKS, NAME, PROFILES, IsaProfile
from inc_mlflow.spec.pools import Isa


def check(name: Isa) -> None:
    """Raise MissingExtraError with a list of what this machine lacks to emulate ``name``."""
    if lacks := missing(PROFILES[name]):
        raise MissingExtraError(f"emulation of {name}: not available here: needs {', '.join(lacks)}")


def prepare(name: Isa) -> dict[str, str]:
    """Return the variables to add to the environment of a process that is to see the CPU ``name``.

    The first call for a version of onnxruntime takes some seconds. The process and its children run at native
    speed. Only onnxruntime sees another CPU; caches and clock are those of this machine. Raises
    MissingExtraError where this machine lacks something, HardwareError where preparing fails.
    """
    check(name)
    directory = cache.prepared()
    if set(" :") & set(str(directory)):
        raise HardwareError(
            f"{directory}: its path has a space or colon, which LD_PRELOAD cannot hold; set XDG_CACHE_HOME"
        )
    return {
        NAME: name,
        MASKS: PROFILES[name].masks(),
        "LD_PRELOAD": _first(str(directory / cache.HANDLER), "LD_PRELOAD"),
        "PYTHONPATH": _first(str(directory), "PYTHONPATH"),
    }


def confirm(profile: IsaProfile, saturates: bool) -> None:
    """Raise HardwareError unless the calling process really is the CPU that its environment names.

    Call it after onnxruntime is loaded. ``saturates`` tells whether its u8 x s8 kernels saturate in this
    process.
    """
    if traps() == 0:
        raise HardwareError(
            f"emulation of {profile.name}: onnxruntime was not asked through the handler; "
            "nothing was measured"
        )
    if saturates != profile.saturates:
        seen = "saturate" if saturates else "do not saturate"
        raise HardwareError(
            f"emulation of {profile.name}: its kernels {seen}, that CPU's do otherwise; nothing was measured"
        )


def traps() -> int:
    """Return how often onnxruntime asked for the CPU's features through the handler in this process."""
    try:
        handler = ctypes.CDLL(None).inc_mlflow_traps
    except AttributeError:
        return 0
    handler.restype = ctypes.c_long
    return int(handler())


def _first(value: str, variable: str) -> str:
    """Return the list of paths in an environment variable with one more value in front."""
    return ":".join([value, *filter(None, [os.environ.get(variable)])])
