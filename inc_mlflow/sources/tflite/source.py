"""The source of TFLite files: converted by tf2onnx, run by LiteRT."""

from collections.abc import Collection
from importlib.metadata import version
from pathlib import Path

from inc_mlflow.arrays import Arrays
from inc_mlflow.remote import local_path
from inc_mlflow.sources.source import Converted, OpenedSource, framework_call
from inc_mlflow.sources.tensorflow.environment import prepare_tensorflow
from inc_mlflow.sources.tflite.interpreter import LiteInterpreter
from inc_mlflow.sources.tflite.options import LiteModel
from inc_mlflow.sources.tflite.sparse_weights import refuse_sparse


class LiteSource:
    """Opens what ``LiteModel`` names."""

    def open(self, spec: LiteModel, root: Path) -> OpenedSource:
        """Load the file in LiteRT."""
        path = local_path(spec.tflite, root)
        return OpenedLite(path, spec.signature)


class OpenedLite:
    """A TFLite model in memory; see ``OpenedSource``."""

    def __init__(self, path: Path, signature: str | None = None) -> None:
        """Raise ModelError where LiteRT does not take the file."""
        self._path, self._signature = path, signature
        self._interpreter = LiteInterpreter(path, signature)

    def convert(self, target: Path) -> Converted:
        """Write the ONNX file."""
        prepare_tensorflow()
        from inc_mlflow.sources.tensorflow.to_onnx import converted_graph, refuse_unknown, written_model

        refuse_sparse(self._path)
        inputs, outputs = self._interpreter.inputs, self._interpreter.outputs
        with framework_call(f"model: {self._path}: it cannot be converted to ONNX"):
            model = written_model(converted_graph(None, inputs, outputs, str(self._path)))
        refuse_unknown(f"model: {self._path}", model.graph)
        target.write_bytes(model.SerializeToString())
        return Converted(f"ai-edge-litert {version('ai-edge-litert')}")

    def run(self, inputs: Arrays, layers: Collection[str] = ()) -> Arrays:
        """Run the file; no layer is known: LiteRT reuses the memory of what lies inside."""
        return self._interpreter(inputs)

    def use_default_speed(self, threads: int) -> None:
        """Run on so many threads from now on; LiteRT is as fast as it is by default anyway."""
        self._interpreter = LiteInterpreter(self._path, self._signature, threads)


SOURCE = LiteSource()
