"""The processes that share each step of a training: each takes rows of its own, all take the same step.

Sums go by the number of the process, so that they are rounded alike in all processes and at each run.
"""

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor, distributed

from inc_mlflow.errors import ModelError

T = TypeVar("T")
_CHUNK = 2**22
"""Numbers of a gradient that are sent at a time: each process holds as many of every other one."""


class Processes:
    """One process alone, which shares nothing; ``number`` counts all, ``rank`` is that of this one."""

    number, rank = 1, 0

    def own(self, pieces: Sequence[T]) -> Sequence[T]:
        """Return this process's share of a step's pieces."""
        return pieces

    def join(self, loss: float, tensors: Sequence[Tensor], buffers: Sequence[Tensor]) -> float:
        """Give all processes the sums of the gradients and the means of the buffers; return that of losses.

        A loss that is no number is one for all.
        """
        return loss

    def first(self, work: Callable[[], T]) -> T:
        """Let the first process alone work, and return in all what it found: plain values and tensors."""
        return work()

    def check_equal(self, state: object, where: str) -> None:
        """Raise ModelError where a process has another state than the first one."""


ALONE = Processes()


class ProcessGroup(Processes):
    """The processes that torch has joined."""

    def __init__(self) -> None:
        self.number, self.rank = distributed.get_world_size(), distributed.get_rank()

    def own(self, pieces: Sequence[T]) -> Sequence[T]:
        """Return the pieces at this process's place."""
        each = len(pieces) // self.number
        return pieces[self.rank * each : (self.rank + 1) * each]

    def join(self, loss: float, tensors: Sequence[Tensor], buffers: Sequence[Tensor]) -> float:
        """Send all in one line of numbers, and whether a tensor has a gradient: unused ones do not move."""
        gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in tensors]
        used = torch.tensor([float(one.grad is not None) for one in tensors])
        sent = [torch.tensor([loss]), used, *gradients, *buffers]
        total = self._sum(torch.cat([one.detach().reshape(-1) for one in sent]))
        head, moved, *sums = _parts(total, sent)
        for tensor, found, count in zip(tensors, sums[: len(tensors)], moved.tolist(), strict=True):
            tensor.grad = found.to(tensor.dtype) if count else None
        for buffer, found in zip(buffers, sums[len(tensors) :], strict=True):
            buffer.detach().copy_(found / self.number)
        return float(head)

    def first(self, work: Callable[[], T]) -> T:
        """Send what is found as data: no code in it is run."""
        content = io.BytesIO()
        if self.rank == 0:
            torch.save({"found": work()}, content)
        size = torch.tensor(content.tell())
        distributed.broadcast(size, 0)
        sent = torch.zeros(int(size), dtype=torch.uint8)
        if self.rank == 0:
            sent = torch.frombuffer(bytearray(content.getvalue()), dtype=torch.uint8)
        distributed.broadcast(sent, 0)
        found: T = torch.load(io.BytesIO(sent.numpy().tobytes()), weights_only=True)["found"]
        return found

    def check_equal(self, state: object, where: str) -> None:
        """Compare digests."""
        content = hashlib.sha256()
        for part in _content(state):
            content.update(part)
        digests = self._gather(torch.frombuffer(bytearray(content.digest()), dtype=torch.uint8))
        other = next((rank for rank, one in enumerate(digests) if not one.equal(digests[0])), None)
        if other is not None:
            raise ModelError(
                f"training: {where} process {other} has another state than process 0; give all of them one "
                "kind of CPU, and let the module build and compute the same in each"
            )

    def _sum(self, values: Tensor) -> Tensor:
        """Return the sum over all processes, in their order."""
        total = torch.empty_like(values)
        for part, place in zip(torch.split(values, _CHUNK), torch.split(total, _CHUNK), strict=True):
            first, *others = self._gather(part)
            place.copy_(first)
            for one in others:
                place.add_(one)
        return total

    def _gather(self, values: Tensor) -> list[Tensor]:
        found = [torch.empty_like(values) for _ in range(self.number)]
        distributed.all_gather(found, values.contiguous())
        return found


def present_processes() -> Processes:
    """Return the processes that this one was started with."""
    joined = distributed.is_available() and distributed.is_initialized()
    return ProcessGroup() if joined else ALONE


def _parts(line: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """Cut a line of numbers into tensors of these shapes."""
    cut = torch.split(line, [one.numel() for one in like])
    return [part.reshape(one.shape) for part, one in zip(cut, like, strict=True)]


def _content(value: object) -> Iterator[bytes]:
    """Yield all of a state as bytes, in its order."""
    if isinstance(value, Tensor):
        yield f"{value.dtype} {tuple(value.shape)}".encode()
        yield value.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    elif isinstance(value, Mapping):
        for name, one in value.items():
            yield repr(name).encode()
            yield from _content(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _content(one)
    else:
        yield repr(value).encode()
