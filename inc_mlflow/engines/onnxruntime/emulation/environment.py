"""The environment in which a process is an emulated CPU, and the proof inside that it is one."""

import ctypes
import os

from inc_mlflow.engines.onnxruntime.emulation import cache
from inc_mlflow.engines.onnxruntime.emulation.needs import missing
from inc_mlflow.errors import HardwareError, MissingExtraError
from inc_mlflow.hardware.isa.profiles import MASKS, NAME, PROFILES, Profile
from inc_mlflow.spec.pools import Isa


def check(name: Isa) -> None:
    """Raise MissingExtraError with all that this machine lacks to emulate ``name``."""
    if lacks := missing(PROFILES[name]):
        raise MissingExtraError(f"emulation of {name}: not available here: needs {', '.join(lacks)}")


def prepare(name: Isa) -> dict[str, str]:
    """Return the variables to add to the environment of a process that is to see the CPU ``name``.

    The first call for a version of onnxruntime takes some seconds. The process runs at native speed, and so
    do its children. Only onnxruntime is told another CPU; caches and clock are this machine's.
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


def confirm(profile: Profile, saturates: bool) -> None:
    """Raise HardwareError unless the process that calls is what its environment says.

    To be called once onnxruntime is loaded; ``saturates`` is whether its u8 x s8 kernels do so in this
    process.
    """
    if traps() == 0:
        raise HardwareError(
            f"emulation of {profile.name}: onnxruntime was not asked through the handler; nothing was measured"
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
    """Put a value before what a list of paths in the environment holds already."""
    return ":".join([value, *filter(None, [os.environ.get(variable)])])
