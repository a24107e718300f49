"""Run a TFLite file in LiteRT."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.sources.signature import chosen_signature
from inc_mlflow.sources.source import framework_call


class LiteInterpreter:
    """A TFLite model in memory; its tensors are resized to the rows that they get."""

    def __init__(self, path: Path, signature: str | None = None, threads: int = 1) -> None:
        """Raise ModelError where LiteRT does not take the file."""
        from ai_edge_litert.interpreter import Interpreter

        self._where = f"model: {path}"
        with framework_call(f"{self._where}: LiteRT cannot load it"):
            self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
        self._inputs, self._outputs = self._details(signature)

    @property
    def inputs(self) -> dict[str, str]:
        """Name of an input -> its tensor in the file."""
        return {name: one["name"] for name, one in self._inputs.items()}

    @property
    def outputs(self) -> dict[str, str]:
        """Name of an output -> its tensor in the file."""
        return {name: one["name"] for name, one in self._outputs.items()}

    def __call__(self, inputs: Arrays) -> Arrays:
        """Return all outputs of one batch; raise ModelError where LiteRT cannot run it."""
        with framework_call(f"{self._where}: LiteRT itself cannot run it"):
            for name, one in self._inputs.items():
                self._interpreter.resize_tensor_input(one["index"], inputs[name].shape)
            self._interpreter.allocate_tensors()
            for name, one in self._inputs.items():
                self._interpreter.set_tensor(one["index"], inputs[name])
            self._interpreter.invoke()
            return {name: self._value(one["index"]) for name, one in self._outputs.items()}

    def _value(self, index: int) -> np.ndarray[Any, Any]:
        return np.array(self._interpreter.get_tensor(index))

    def _details(self, signature: str | None) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Return inputs and outputs by the signature's names; without one, by their tensors'."""
        there = self._interpreter.get_signature_list()
        if not there and signature is None:
            return (
                {one["name"]: one for one in self._interpreter.get_input_details()},
                {one["name"]: one for one in self._interpreter.get_output_details()},
            )
        chosen = chosen_signature(self._where, signature, list(there))
        runner = self._interpreter.get_signature_runner(chosen)
        return runner.get_input_details(), runner.get_output_details()
