"""Whether learned directions of rounding (AdaRound, arXiv:2004.10568) help: the CNN of `tests.benchmarks.qat`.

    .venv/bin/python -m tests.benchmarks.learned_rounding DIGITS.npz [BITS ...]

Weights alone are learned, up or down from their exact place, on the scales of the static recipe, layer by layer, by the
squared error of what a layer gives beside FP32. Against it stands `qat` by distillation, on the same 1,000 rows and on
28,000 shifted ones; its epoch is chosen with the labels of 500 rows, as ever. Prints a line of JSON for each way, number
of bits and seed: hits on the rows to judge, and CPU seconds.
"""

import itertools
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from inc_mlflow.engines.engine import MethodData
from inc_mlflow.engines.onnxruntime.engine import ENGINE
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL
from inc_mlflow.engines.trainable import Operation, Rounding, TrainableGraph
from inc_mlflow.registry.methods import METHODS
from inc_mlflow.spec import parse_recipe
from inc_mlflow.training.qat.network import TrainableNetwork
from inc_mlflow.training.qat.rounding import WeightParameter
from tests.benchmarks.qat import SEEDS, Digits, copies, prepared, trained

STRETCH, WARM, BETAS, RATE, BATCH = 0.1, 0.2, (20.0, 2.0), 0.01, 32
BEFORE_ROUNDING = "_QuantizeLinear_Input"
"""End of the name that the static recipe gives an output before it is rounded."""


@dataclass(frozen=True)
class Settings:
    rows: int = 1000
    iterations: int = 300
    pull: float = 0.01
    """Share of the term that draws each direction to up or down, beside the error."""
    layers: int = 1
    """Layers that are learned together."""


class Direction:
    """A weight whose integers are learned; it stands in the place of a WeightParameter."""

    def __init__(self, weight: WeightParameter, bits: int) -> None:
        self._steps, self._most = weight.steps().detach(), 2 ** (bits - 1) - 1
        exact = (weight.value.detach() / self._steps).clamp(-self._most, self._most)
        self._floor = exact.floor()
        share = (exact - self._floor + STRETCH) / (1 + 2 * STRETCH)
        self.value = torch.logit(share).requires_grad_()
        self.firm = False

    def up(self) -> Tensor:
        return (torch.sigmoid(self.value) * (1 + 2 * STRETCH) - STRETCH).clamp(0, 1)

    def undecided(self, beta: float) -> Tensor:
        return (1 - (2 * self.up() - 1).abs().pow(beta)).sum()

    def steps(self) -> Tensor:
        return self._steps

    def _integers(self) -> Tensor:
        up = (self.up() >= 0.5).float() if self.firm else self.up()
        return (self._floor + up).clamp(-self._most, self._most)

    def __call__(self) -> Tensor:
        return self._integers() * self._steps

    def stored(self) -> tuple[np.ndarray, np.ndarray]:
        with torch.no_grad():
            return self._integers().numpy().astype(np.int64), self._steps.numpy()


def parts(graph: TrainableGraph, layers: int) -> Iterator[tuple[TrainableGraph, Rounding]]:
    """Yield pieces of a chain with some layers each, and how what they give is rounded."""
    steps: list[Operation | Rounding] = []
    for step in graph.steps:
        weights = {name for one in steps if isinstance(one, Operation) for name in one.inputs}
        mine = {name: weight for name, weight in graph.weights.items() if name in weights}
        if isinstance(step, Rounding) and len(mine) == layers:
            biases = {name: bias for name, bias in graph.biases.items() if name in weights}
            yield replace(graph, steps=tuple(steps), weights=mine, biases=biases), step
            steps = []
        steps.append(step)


def learned(
    part: TrainableNetwork, after: Rounding, source: Tensor, true: Tensor, settings: Settings
) -> None:
    """Learn the directions of one part by what it gives."""
    first = part.graph.steps[0]
    weights = list(part.parameters.weights.values())
    scale = part.graph.scales[after.scale]
    limits = [(bound - scale.zero_point) * scale.step for bound in (scale.low, scale.high)]
    true = true.clamp(*limits)
    for scales in (*part.parameters.scales.values(), *part.parameters.biases.values()):
        scales.value.requires_grad_(False)
    adam = torch.optim.Adam([weight.value for weight in weights], RATE)
    for iteration in range(settings.iterations):
        chosen = torch.randint(0, len(source), (BATCH,))
        found = part({first.source: source[chosen]}, [after.source])[after.source].clamp(*limits)
        loss = (found - true[chosen]).square().reshape(BATCH, found.shape[1], -1).mean(-1).sum(1).mean()
        progress = (iteration / settings.iterations - WARM) / (1 - WARM)
        if progress > 0:
            beta = BETAS[1] + (BETAS[0] - BETAS[1]) * 0.5 * (1 + np.cos(progress * np.pi))
            loss = loss + settings.pull * sum(weight.undecided(beta) for weight in weights)
        adam.zero_grad()
        loss.backward()
        adam.step()
    for weight in weights:
        weight.firm = True


def tensor(network: TrainableNetwork, x: Tensor, name: str) -> Tensor:
    with torch.no_grad():
        return torch.cat([network({"x": x[at : at + 100]}, [name])[name] for at in range(0, len(x), 100)])


def rounded(digits: Digits, start: Path, bits: int, settings: Settings, seed: int, target: Path) -> Path:
    """Write the start with learned directions."""
    torch.manual_seed(seed)
    x = digits.pictures[0][: settings.rows]
    true = TrainableNetwork(ENGINE.trainable.read(digits.baseline, digits.baseline))
    whole = TrainableNetwork(ENGINE.trainable.read(start, digits.baseline), bits)
    for graph, after in parts(whole.graph, settings.layers):
        part = TrainableNetwork(graph, bits)
        for name in graph.weights:
            one = Direction(part.parameters.weights[name], bits)
            part.parameters.weights[name] = whole.parameters.weights[name] = one
        source = tensor(whole, x, graph.steps[0].source)
        wanted = tensor(true, x, after.source.removesuffix(BEFORE_ROUNDING))
        learned(part, after, source, wanted, settings)
    ENGINE.trainable.write(start, whole.parameters.values(), target)
    return target


def static(digits: Digits, folder: Path) -> Path:
    target = folder / "static" / MODEL
    target.parent.mkdir()
    data = MethodData(lambda: iter(()), digits.statistics, 1)
    METHODS.get("onnxruntime.static").apply(digits.baseline, parse_recipe({"method": "static"}), data, target)
    return target


def nearest(digits: Digits, start: Path, bits: int, target: Path) -> Path:
    network = TrainableNetwork(ENGINE.trainable.read(start, digits.baseline), bits)
    ENGINE.trainable.write(start, network.parameters.values(), target)
    return target


def main(archive: str, *widths: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        digits = prepared(archive, folder)
        start, many = static(digits, folder), copies(*digits.pictures)
        settings = Settings()
        few = tuple(side[: settings.rows].numpy() for side in digits.pictures)
        distilled = {"loss": "distillation"}
        ways = {
            "learned rounding": lambda bits, seed, to: rounded(
                digits, start, bits, settings, seed, to.with_suffix(".onnx")
            ),
            "qat, same rows": lambda bits, seed, to: trained(
                digits, few, bits, to, epochs=10, seed=seed, **distilled
            )[1],
            "qat, 28,000 rows": lambda bits, seed, to: trained(
                digits, many, bits, to, epochs=1, seed=seed, **distilled
            )[1],
        }
        print(json.dumps({"fp32": digits.hits(digits.baseline).mean()}), flush=True)
        bits_of = [int(width) for width in widths or ("4", "3")]
        for bits in bits_of:
            hits = digits.hits(nearest(digits, start, bits, folder / f"{bits}.onnx")).mean()
            print(json.dumps({"way": "nearest", "bits": bits, "hits": hits}), flush=True)
        for number, (way, make) in enumerate(ways.items()):
            for bits, seed in itertools.product(bits_of, SEEDS):
                began = time.process_time()
                model = make(bits, seed, folder / f"{number}-{bits}-{seed}")
                seconds = round(time.process_time() - began, 1)
                found = {"way": way, "bits": bits, "seed": seed, "hits": digits.hits(model).mean()}
                print(json.dumps(found | {"seconds": seconds}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
