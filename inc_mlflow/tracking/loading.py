"""MLflow's import: most of what a step that talks to a server waits for."""

import gc
from functools import cache
from importlib import import_module


@cache
def load(module: str) -> None:
    """Import a module without the garbage collector, which then leaves alone what was made: it lives to the end.

    MLflow makes 280,000 objects; walking them while they are made, and at the end, is a quarter of a short process' time.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        import_module(module)
    finally:
        gc.freeze()
        if collects:
            gc.enable()
