"""What a refusal must be: one line that a user can read when all temporary files are gone."""

import re
import tempfile

_VARIABLE = re.compile(r"'[^']*'|\"[^\"]*\"|\([^()]*\)|\S*/\S*|\d+(\.\d+)?(e[+-]?\d+)?")


def line_faults(text: str, folder: str = "") -> list[str]:
    """Return what is wrong with a refusal; ``folder`` is where the files of the run lay."""
    faults = [] if text.strip() else ["no text"]
    faults += ["several lines"] if "\n" in text else []
    names = [part for part in (folder, tempfile.gettempdir()) if part]
    # A command names the file that its user gave; other files of the run's folder are gone.
    rest = re.sub(r"\S*source\.onnx", "", text)
    return faults + (["a temporary path"] if any(name in rest for name in names) else [])


def kind_of(text: str) -> str:
    """Return a refusal without names, numbers and paths, so that equal kinds are equal."""
    return " ".join(_VARIABLE.sub("*", text).split())[:160]
