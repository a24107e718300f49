"""A graph in torch: one operator after the other, with roundings that let gradients pass."""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.trainable import Operation, Rounding, TrainableGraph
from inc_mlflow.errors import ModelError, reason
from inc_mlflow.training.operators.call import OperatorCall
from inc_mlflow.training.operators.table import BINARY, CLASSES, LOGARITHMS, OPERATORS, SAME_PLACES
from inc_mlflow.training.qat.rounding import EIGHT_BITS, Parameters
from inc_mlflow.training.tensors import OutputKind, tensors_of

_KINDS: dict[str, OutputKind] = {CLASSES: "classes", LOGARITHMS: "logarithms", BINARY: "binary"}


class TrainableNetwork:
    """Runs a graph on tensors. Raises ModelError with the name of an operator that torch is not taught."""

    def __init__(self, graph: TrainableGraph, bits: int = EIGHT_BITS) -> None:
        self.graph = graph
        self.parameters = Parameters(graph, bits)
        operations = [step for step in graph.steps if isinstance(step, Operation)]
        unknown = [step for step in operations if step.operator not in OPERATORS]
        if unknown:
            names = ", ".join(dict.fromkeys(step.operator for step in unknown))
            raise ModelError(
                f"node {unknown[0].name!r}: {names} cannot be trained here; leave such nodes' models to "
                "other methods"
            )
        self._constants = {
            name: torch.from_numpy(array.copy())
            for name, array in graph.constants.items()
            if array.dtype.kind in "fiub"
        }
        self._used = {name for step in operations for name in step.inputs} | set(graph.outputs.values())
        self._producers = {name: step for step in operations for name in step.outputs}
        self._roundings = {step.output: step for step in graph.steps if isinstance(step, Rounding)}

    def __call__(self, inputs: Mapping[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
        """Return the wanted tensors of one batch."""
        known = {**self._constants, **inputs}
        known |= {name: weight() for name, weight in self.parameters.weights.items()}
        known |= {name: bias() for name, bias in self.parameters.biases.items()}
        for step in self.graph.steps:
            if isinstance(step, Rounding):
                known[step.output] = self.parameters.scales[step.scale](known[step.source])
            else:
                found = _run(step, known)
                if self._used.intersection(step.outputs[len(found) :]):
                    raise ModelError(
                        f"node {step.name!r}: {step.operator} gives its first output only in torch"
                    )
                known |= zip(step.outputs, found, strict=False)
        return {name: known[name] for name in wanted}

    def outputs(self, inputs: Arrays) -> Arrays:
        """Return the outputs of one batch as arrays."""
        with torch.no_grad():
            found = self(tensors_of(inputs), set(self.graph.outputs.values()))
        return {name: found[tensor].numpy() for name, tensor in self.graph.outputs.items()}

    @property
    def output_tensors(self) -> Mapping[str, str]:
        """Name of each output -> the tensor that it is."""
        return self.graph.outputs

    def before_probabilities(self, output: str) -> tuple[str, OutputKind]:
        """Return the tensor that the loss of an output reads, and what the output makes of it.

        It is the one before a last operator that makes probabilities, or the output itself.
        """
        last = name = self.graph.outputs[output]
        while True:
            if name in self._roundings:
                name = self._roundings[name].source
                continue
            step = self._producers.get(name)
            if step is None or step.operator not in {*_KINDS, *SAME_PLACES}:
                return last, "values"
            if step.operator in _KINDS:
                along = step.operator == BINARY or step.attributes.get("axis", -1) in (-1, 1)
                return (step.inputs[0], _KINDS[step.operator]) if along else (last, "values")
            name = step.inputs[0]


def _run(step: Operation, known: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    call = OperatorCall([known[name] if name else None for name in step.inputs], step.attributes)
    try:
        found = OPERATORS[step.operator](call)
    except (ValueError, RuntimeError, IndexError) as error:  # torch's own refusals
        raise ModelError(
            f"node {step.name!r}: {step.operator} cannot be run in torch ({reason(error)})"
        ) from error
    return (found,) if isinstance(found, Tensor) else tuple(found)
