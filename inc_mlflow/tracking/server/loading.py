"""MLflow's import: most of what a step that talks to a server waits for."""

import atexit
import gc
from functools import cache
from importlib import import_module


@cache
def import_without_gc(module: str) -> None:
    """Import a module without the garbage collector, which is not to walk what it made when the process ends either.

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
