"""MLflow's import, which takes most of the time of a step that talks to a server."""

import atexit
import gc
from functools import cache
from importlib import import_module


@cache
def import_without_gc(module: str) -> None:
    """Import a module with the garbage collector off, also for its objects at the end of the process.

    MLflow makes 280,000 objects that live to the end; walking them is a quarter of a short process' time.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        import_module(module)
    finally:
        if collects:
            gc.enable()
    atexit.register(gc.freeze)
