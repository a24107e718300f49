"""Registry of engines, which run and compress models. Targets are ``Engine`` objects of engines/engine.py."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from inc_mlflow.registry.table import Entry, Registry

if TYPE_CHECKING:
    from inc_mlflow.engines.engine import Engine

Device = Literal["cpu", "cuda"]
"""The kind of device that runs a model; every engine has its own names for it."""
DEFAULT_ENGINE = "onnxruntime"
"""The engine of a job that names none."""
PARTS = "parts"
"""The engine of models of several graphs: each is a part, which the default engine runs."""


@dataclass(frozen=True)
class ServedAs:
    """What servers do with an engine's models."""

    files: str
    """Name of the format of its files, as servers call it."""
    triton: str = ""
    """Triton's backend for them; empty where none runs them as they were measured."""


@dataclass(frozen=True)
class EngineEntry(Entry):
    """One engine."""

    packages: tuple[str, ...] = ()
    """Distributions whose versions belong to the evidence, if they are installed."""
    own_sources: Mapping[str, str] = field(default_factory=dict)
    """Kinds of models that it takes as they are, without a framework -> summary."""
    image: str | None = None
    """The image, in images.lock, of all tasks of a job that names it; None for that of their pools."""
    loaded_by: str | None = None
    """How a program loads its models, in one line; None where MLflow's own flavour does."""
    served: ServedAs | None = None
    """None where only this package can run its models."""


ENGINES: "Registry[Engine]" = Registry(
    "engines",
    {
        DEFAULT_ENGINE: EngineEntry(
            "inc_mlflow.engines.onnxruntime.engine:ENGINE",
            "ONNX Runtime: quantises ONNX files, runs them on CPUs and NVIDIA GPUs",
            packages=("onnx", "onnxruntime", "onnxruntime-gpu"),
            served=ServedAs("onnx", triton=DEFAULT_ENGINE),
            own_sources={"onnx": "ONNX: an .onnx file, here or at s3://; its path alone"},
        ),
        "openvino": EngineEntry(
            "inc_mlflow.engines.openvino.engine:ENGINE",
            "OpenVINO: runs models of ONNX files on CPUs, in FP32, bf16 and INT8",
            extra="openvino",
            needs=("openvino",),
            packages=("openvino",),
            image="openvino",
            loaded_by="openvino.Core().compile_model of model.openvino/model.xml on CPU, with "
            "INFERENCE_PRECISION_HINT f32, for a candidate of bf16 bf16",
            served=ServedAs("openvino"),
        ),
        PARTS: EngineEntry(
            "inc_mlflow.engines.parts.engine:ENGINE",
            "models of several graphs, as encoder and decoder, which a function of yours runs as one",
        ),
    },
)


def engine_packages() -> tuple[str, ...]:
    """Return the distributions of all registered engines."""
    entries = (ENGINES.entry(name) for name in ENGINES)
    found = (name for one in entries if isinstance(one, EngineEntry) for name in one.packages)
    return tuple(dict.fromkeys(found))


def loaded_by(engine: str) -> str | None:
    """Return how a program loads an engine's models; None where MLflow's own flavour does."""
    entry = ENGINES.entry(engine)
    return entry.loaded_by if isinstance(entry, EngineEntry) else None


def served_as(engine: str) -> ServedAs | None:
    """Return what servers do with an engine's models; None where only this package can run them."""
    entry = ENGINES.entry(engine)
    return entry.served if isinstance(entry, EngineEntry) else None


def image_of_engines(engines: Iterable[str]) -> str | None:
    """Return the image of the tasks of a job with these engines; None for that of their pools."""
    entries = (ENGINES.entry(name) for name in engines)
    return next((one.image for one in entries if isinstance(one, EngineEntry) and one.image), None)
