"""The table of layers: each adds nodes behind one tensor, and fits some ranks and opsets."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.support.generated.builder import GraphBuilder, Tensor

Apply = Callable[[GraphBuilder, Tensor], list[Tensor]]
NEWEST = 99
MOST_ELEMENTS = 2048


@dataclass(frozen=True)
class Layer:
    """``apply`` returns the new float tensors of the main graph, none where it does not fit after all."""

    apply: Apply
    ranks: tuple[int, ...]
    since: int
    until: int
    weight: float

    def fits(self, opset: int, tensor: Tensor) -> bool:
        return self.since <= opset <= self.until and tensor.rank in self.ranks


LAYERS: list[Layer] = []
ALL_RANKS = (2, 3, 4, 5)


def layer(*ranks: int, since: int = 7, until: int = NEWEST, weight: float = 1.0) -> Callable[[Apply], Apply]:
    """Put a function into the table."""

    def register(apply: Apply) -> Apply:
        LAYERS.append(Layer(apply, ranks or ALL_RANKS, since, until, weight))
        return apply

    return register


def elements(tensor: Tensor) -> int:
    product = 1
    for length in tensor.shape:
        product *= length
    return product
