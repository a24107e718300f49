"""Quantities as Kubernetes writes them: 500m, 15, 16Gi, 1e3."""

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator

_SCALES = {"n": "1e-9", "u": "1e-6", "m": "1e-3", "": "1"}
_SCALES |= {prefix: f"1e{3 * power}" for power, prefix in enumerate("kMGTPE", start=1)}
_SCALES |= {f"{prefix}i": str(1024**power) for power, prefix in enumerate("KMGTPE", start=1)}
_FORMAT = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2}|[KMGTPE]i|[numkMGTPE]?)")


def parse_quantity(text: Any) -> Decimal:
    """Return the amount in the resource's own unit: CPUs, bytes, devices. ValueError where it is none."""
    found = _FORMAT.fullmatch(str(text))
    if found is None:
        raise ValueError(f"{text!r} is not a quantity; write 500m, 15 or 16Gi")
    number, suffix = found.groups()
    if suffix in _SCALES:
        return Decimal(number) * Decimal(_SCALES[suffix])
    return Decimal(number + suffix)


Quantity = Annotated[Decimal, BeforeValidator(parse_quantity)]
