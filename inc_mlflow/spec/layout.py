"""How a benchmark fills a machine, written ``1s4c14ins1bs`` as in Intel's validated-models tables."""

import re
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Layout:
    """Sockets, cores per instance, instances and batch size."""

    sockets: int
    cores: int
    instances: int
    batch: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the notation; ValueError where it is wrong or asks for more than one pinned instance on one core."""
        match = re.fullmatch(r"(\d+)s(\d+)c(\d+)ins(\d+)bs", text)
        if not match:
            raise ValueError(f"{text!r} is not like '1s1c1ins1bs' (sockets, cores per instance, instances, batch size)")
        layout = cls(*map(int, match.groups()))
        if (layout.sockets, layout.cores, layout.instances) != (1, 1, 1) or layout.batch < 1:
            raise ValueError(f"{text!r} is not supported; one instance on one core is: 1s1c1ins<batch>bs, batch at least 1")
        return layout

    def __str__(self) -> str:
        return f"{self.sockets}s{self.cores}c{self.instances}ins{self.batch}bs"
