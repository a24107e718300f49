"""What OpenVINO says of a failure, in one line: its text begins with places in its own sources."""

import re

_LONGEST = 300
_PLACE = re.compile(r"^(Exception from|Check '.*' failed at|FrontEnd API failed)")


def complaint(error: Exception) -> str:
    """Return the part of a message that is about the model."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(line for line in lines if not _PLACE.match(line)) or " ".join(lines)
    text = " ".join(text.split()) or type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
