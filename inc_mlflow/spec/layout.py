"""How a benchmark fills a machine, written ``1s4c14ins1bs`` as in Intel's validated-models tables."""

import re
from dataclasses import dataclass
from typing import Self

AUTO = "auto"
_MOST = 1_000_000
"""Largest number in a layout; anything above is a slip."""
_PARTS = re.compile(r"(?:(\d+)s)?(?:(\d+)c)?(?:(\d+)ins)?(?:(\d+)bs)?", re.ASCII)


@dataclass(frozen=True)
class Layout:
    """Sockets, cores of one instance, instances in total, rows of one batch.

    None is for the planner to fill.
    """

    sockets: int | None
    cores: int | None
    instances: int | None
    batch: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the notation, whole or in part; ValueError says what is wrong with it."""
        match = _PARTS.fullmatch(text)
        if not text or (match is None and text != AUTO):
            raise ValueError(
                f"{text!r} is not like '1s4c14ins1bs' (sockets, cores per instance, instances, batch size), "
                "a part of it in this order, or 'auto'"
            )
        given = match.groups() if match else [None] * 4
        if any(len(part or "") > len(str(_MOST)) or int(part or 0) > _MOST for part in given):
            shown = text if len(text) < 60 else f"{text[:59]}…"
            raise ValueError(f"{shown!r} is too large; every number is at most {_MOST}")
        sockets, cores, instances, batch = (int(part) if part else None for part in given)
        if 0 in (sockets, cores, instances, batch):
            raise ValueError(f"{text!r} asks for none of something; every number is at least 1")
        return cls(sockets, cores, instances, batch or 1)

    @property
    def whole(self) -> bool:
        """Tell whether nothing is left to the planner."""
        return None not in (self.sockets, self.cores, self.instances)

    def __str__(self) -> str:
        """Write what ``parse`` reads; a batch of 1 stands only in whole layouts."""
        parts = [f"{self.sockets}s", f"{self.cores}c", f"{self.instances}ins", f"{self.batch}bs"]
        given = [
            self.sockets,
            self.cores,
            self.instances,
            self.batch if self.whole or self.batch > 1 else None,
        ]
        return "".join(part for part, number in zip(parts, given, strict=True) if number is not None) or AUTO
