"""An engine of another kind: a folder with the weights of two dense layers, run by NumPy.

FP32 models compute in double precision, which takes twice the memory traffic: so INT8 ones, whose weights are
restored to single precision when they are loaded, are faster in earnest.
"""

import json
import shutil
from typing import ClassVar, Literal

import numpy as np

from inc_mlflow.engines.engine import Imported, Interface
from inc_mlflow.errors import HardwareError, ModelError, StateError
from inc_mlflow.files import model_sha256
from inc_mlflow.records import TensorSpec
from inc_mlflow.registry import Entry
from inc_mlflow.registry.engines import EngineEntry
from inc_mlflow.spec import Recipe

WEIGHTS = "dense.npz"
ENTRY = EngineEntry("numpy_engine:ENGINE", "NumPy: two dense layers in a folder", packages=("numpy-engine",))
INT8_ROW = Entry("numpy_engine:INT8", "Weights of eight bits.", options="numpy_engine:Int8")
STATIC_ROW = Entry("numpy_engine:STATIC", "Inputs of eight bits too.", options="numpy_engine:Int8Static")


class Int8(Recipe):
    """Weights of eight bits."""

    engine: Literal["numpy"] = "numpy"
    method: Literal["int8"] = "int8"
    per_channel: bool = True

    def label(self):
        return f"int8 {'per-channel' if self.per_channel else 'per-tensor'}"


class Int8Static(Recipe):
    """Inputs of eight bits too."""

    engine: Literal["numpy"] = "numpy"
    method: Literal["int8_static"] = "int8_static"

    def label(self):
        return "int8 static"

    @property
    def statistics(self):
        return frozenset({"largest"})


class Largest:
    """The largest input, by magnitude."""

    def __init__(self, model_sha256, rows, largest):
        self.model_sha256, self.rows, self.largest = model_sha256, rows, largest

    def __len__(self):
        return 1

    def merge(self, other):
        return Largest(self.model_sha256, self.rows + other.rows, max(self.largest, other.largest))

    def save(self, path):
        path.write_text(json.dumps([self.model_sha256, self.rows, self.largest]))


class Calibrator:
    file = "largest.json"
    kinds = frozenset({"largest"})

    def collect(self, model, batches, kinds, threads):
        seen = [next(iter(inputs.values())) for inputs in batches]
        largest = max(float(np.abs(one).max()) for one in seen)
        return Largest(model_sha256(model), sum(map(len, seen)), largest)

    def load(self, path):
        try:
            return Largest(*json.loads(path.read_text()))
        except ValueError as error:
            raise StateError(f"{path}: is no largest input; calibrate again") from error


class Dense:
    """Two layers in memory."""

    outputs = ("logits",)

    def __init__(self, model):
        self.model = model
        with np.load(model / WEIGHTS) as archive:
            arrays = dict(archive)
        self._step = float(arrays.pop("input_step", 0.0))
        if "hidden_scale" in arrays:
            self._layers = [
                (arrays[name] * arrays[f"{name}_scale"]).astype("f4") for name in ("hidden", "out")
            ]
        else:
            self._layers = [arrays[name].astype("f8") for name in ("hidden", "out")]

    def __call__(self, inputs):
        (x,) = inputs.values()
        if x.shape[1:] != self._layers[0].shape[:1]:
            raise ModelError(f"{self.model}: takes rows of {len(self._layers[0])} numbers, not {x.shape[1:]}")
        if self._step:
            x = np.round(x / self._step).clip(-127, 127) * self._step
        hidden, out = self._layers
        return {"logits": (np.maximum(x.astype(hidden.dtype) @ hidden, 0) @ out).astype("f4")}


def _quantize(baseline, target, per_channel, **more):
    with np.load(baseline / WEIGHTS) as archive:
        weights = dict(archive)
    saved = dict(more)
    for name, value in weights.items():
        largest = np.abs(value).max(0, keepdims=True) if per_channel else np.abs(value).max()
        scale = (largest / 127).astype("f4")
        saved |= {name: np.round(value / scale).astype("i1"), f"{name}_scale": scale}
    target.mkdir(parents=True, exist_ok=True)
    np.savez(target / WEIGHTS, **saved)


class Int8Method:
    def check(self, recipe):
        pass

    def apply(self, baseline, recipe, data, target):
        _quantize(baseline, target, recipe.per_channel)


class StaticMethod:
    def check(self, recipe):
        pass

    def apply(self, baseline, recipe, data, target):
        _quantize(baseline, target, True, input_step=np.float32(data.statistics.largest / 127))


class Engine:
    name, model_name, flavor = "numpy", "model", "files"
    devices: ClassVar[dict[str, str]] = {}
    calibrator = Calibrator()
    analysis = emulation = parts = trainable = None
    rewrites = ()

    def int8_operators(self, model):
        return {}

    def check_source(self, path):
        if path.endswith((".onnx", "dense", "model")):
            return
        raise ValueError(f"{path!r} is no folder of dense layers; give one that ends with dense")

    def source_files(self, source):
        if source.is_file():
            return [source]
        if not (source / WEIGHTS).is_file():
            raise ModelError(f"{source}: holds no {WEIGHTS}; save the layers there")
        return [source / WEIGHTS]

    def interface(self, model):
        width = len(_layers(model)["hidden"])
        given = TensorSpec(name="x", dtype="float32", shape=(None, width))
        logits = TensorSpec(name="logits", dtype="float32", shape=(None, 10))
        return Interface((given,), (logits,), ("logits",))

    def import_source(self, source, folder, without=(), axes=None):
        target = folder / self.model_name
        target.mkdir(parents=True)
        if source.is_file():
            np.savez(target / WEIGHTS, **_layers(source))
        else:
            shutil.copyfile(source / WEIGHTS, target / WEIGHTS)
        return Imported({"layers": 2})

    def load(self, model, settings):
        if settings.device != "cpu":
            raise HardwareError(f"provider: NumPy runs on CPUs, not on {settings.device}")
        if model.is_file():
            raise ModelError(f"{model}: NumPy runs no ONNX file as it is")
        return Dense(model)

    def describe(self, cpus, device):
        return {"threads": 1}

    def space(self, baseline):
        return Space()


class Space:
    """Both methods; there is nothing to refine."""

    methods = ("int8", "int8_static")

    def first(self):
        yield Int8()
        yield Int8(per_channel=False)
        yield Int8Static()

    def refinements(self):
        return ()

    def without(self, recipe, nodes):
        return recipe

    def protected(self, recipe, everywhere):
        return None


def _layers(source):
    if source.is_dir():
        with np.load(source / WEIGHTS) as archive:
            return dict(archive)
    import onnx
    from onnx import numpy_helper

    return {
        one.name: numpy_helper.to_array(one)
        for one in onnx.load(source).graph.initializer
        if one.name != "zero"
    }


ENGINE, INT8, STATIC = Engine(), Int8Method(), StaticMethod()
