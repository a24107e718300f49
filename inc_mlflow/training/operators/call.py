"""What one operator is called with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class OperatorCall:
    """The operands of one node, None where one is left out, and its attributes."""

    operands: Sequence[Tensor | None]
    attributes: Mapping[str, Any]

    def __getitem__(self, position: int) -> Tensor:
        """Return an operand that must be there."""
        found = self.optional(position)
        if found is None:
            raise ValueError(f"its input {position} is missing")
        return found

    def optional(self, position: int) -> Tensor | None:
        """Return an operand, None where it is left out."""
        return self.operands[position] if position < len(self.operands) else None

    def given(self) -> list[Tensor]:
        """Return the operands that are there."""
        return [one for one in self.operands if one is not None]

    def attribute(self, name: str, default: Any) -> Any:
        """Return the value of an attribute."""
        return self.attributes.get(name, default)

    def integers(self, name: str, position: int) -> list[int] | None:
        """Return numbers that older versions give as an attribute and newer ones as an operand."""
        operand = self.optional(position)
        if operand is not None:
            return [int(one) for one in operand.reshape(-1).tolist()]
        value = self.attributes.get(name)
        return None if value is None else [int(one) for one in value]


Operator = Callable[[OperatorCall], Tensor | Sequence[Tensor]]
"""Returns the output of a node, or all of them where they are several."""
