"""One row of a published table: what was stated of a model, and the figures it was stated of."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

PublishedTable = Literal["quantization", "pruning", "distillation", "hardware"]
ChangeKind = Literal["percent", "difference", "quotient"]


@dataclass(frozen=True)
class StatedChange:
    """Two figures and how they were said to differ. Numbers keep the digits in which they were printed."""

    name: str
    """The metric, ``throughput``, or the hardware that the figure comes from."""
    figure: Decimal
    """Of the compressed model, the taught student or that hardware."""
    reference: Decimal
    """Of the model it was made from, the student alone, or Intel's hardware."""
    kind: ChangeKind
    """Change in percent of the reference, difference, or figure / reference."""
    stated: Decimal | None
    """What was printed; None where the table leaves it to the reader."""

    @property
    def computed(self) -> Decimal:
        """How the figures differ, in the kind's unit."""
        return _differ(self.kind, self.figure, self.reference)

    @property
    def adds_up(self) -> bool:
        """Whether what was printed, as it is rounded, can come of the figures as they are rounded."""
        if self.stated is None:
            return True
        low = _differ(self.kind, self.figure - _half(self.figure), self.reference + _half(self.reference))
        high = _differ(self.kind, self.figure + _half(self.figure), self.reference - _half(self.reference))
        return low - _half(self.stated) <= self.stated <= high + _half(self.stated)


@dataclass(frozen=True)
class PublishedRow:
    """One row, whatever its table."""

    table: PublishedTable
    model: str
    source: str
    """Framework of the model: tensorflow, keras, pytorch or onnx; empty where the table names none."""
    method: str
    dataset: str
    """Empty where the table names none."""
    claims: tuple[StatedChange, ...]


def _differ(kind: ChangeKind, figure: Decimal, reference: Decimal) -> Decimal:
    if kind == "difference":
        return figure - reference
    return figure / reference if kind == "quotient" else 100 * (figure - reference) / reference


def _half(printed: Decimal) -> Decimal:
    """Return half a unit of the last digit printed: how far off its rounding may be."""
    exponent = printed.as_tuple().exponent
    return Decimal(1).scaleb(int(exponent)) / 2
