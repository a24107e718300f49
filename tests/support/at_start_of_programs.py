"""What programs that tests start take on at their start: ``at_start/sitecustomize.py``."""

import os
from pathlib import Path

_FOLDER = Path(__file__).with_name("at_start")


def at_start(*folders: Path) -> dict[str, str]:
    """Return the environment of a process that takes it on, with these folders to import from."""
    paths = [str(_FOLDER), *map(str, folders), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(paths)}
