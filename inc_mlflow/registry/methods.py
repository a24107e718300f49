"""Registry of methods of compression: "engine.method" -> a ``Method`` of engines/engine.py."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inc_mlflow.registry.engines import DEFAULT_ENGINE
from inc_mlflow.registry.table import Entry, Registry

if TYPE_CHECKING:
    from inc_mlflow.engines.engine import Method


@dataclass(frozen=True)
class MethodEntry(Entry):
    """One method of an engine that needs more than the engine."""

    image: str | None = None
    """The image, in images.lock, of the task that makes its candidates; None for that of the pool."""
    sources: tuple[str, ...] = ()
    """Kinds of sources whose module it changes before the import; none where it begins with a baseline."""
    trains_candidates: bool = False
    """Whether it trains another recipe's candidate: its options are ``start`` and ``epochs``, and its method
    is a ``CandidateTrainer`` of engines/engine.py."""


CHAIN = "chain"
"""The method that a list of recipes stands for."""


METHODS: "Registry[Method]" = Registry(
    "methods",
    {
        "onnxruntime.static": Entry(
            "inc_mlflow.engines.onnxruntime.methods.static:METHOD",
            "Activations with ranges from calibration: fastest where convolutions dominate.",
            options="inc_mlflow.engines.onnxruntime.options:Static",
        ),
        "onnxruntime.dynamic": Entry(
            "inc_mlflow.engines.onnxruntime.methods.dynamic:METHOD",
            "Activations scaled at run time, no calibration: strong for transformers and recurrent models.",
            options="inc_mlflow.engines.onnxruntime.options:Dynamic",
        ),
        "onnxruntime.mixed": Entry(
            "inc_mlflow.engines.onnxruntime.methods.mixed:METHOD",
            "Any set of units (what runs in one kernel) in INT8, the others dynamic or FP32.",
            options="inc_mlflow.engines.onnxruntime.options:Mixed",
        ),
        "onnxruntime.qat": MethodEntry(
            "inc_mlflow.training.qat.method:METHOD",
            "A candidate of another method, trained; needs data.training and data.tuning, and torch.",
            extra="torch",
            options="inc_mlflow.training.options:Qat",
            image="pytorch",
            trains_candidates=True,
        ),
        "onnxruntime.chain": Entry(
            "inc_mlflow.training.chain:METHOD",
            "Several methods one after the other, written as a list; what changes the module is first.",
            options="inc_mlflow.spec.chain:Chain",
        ),
        "onnxruntime.prune": MethodEntry(
            "inc_mlflow.training.prune.method:METHOD",
            "Weights become zero in a pattern, or channels and heads go, while the module is trained.",
            extra="torch",
            needs=("torch", "onnxscript", "safetensors", "torch_pruning"),
            options="inc_mlflow.training.prune.options:Prune",
            image="pytorch",
            sources=("torch",),
        ),
        "onnxruntime.distill": MethodEntry(
            "inc_mlflow.training.distill.method:METHOD",
            "A module of any architecture learns from the model, or the model from another or itself.",
            extra="torch",
            needs=("torch", "onnxscript", "safetensors"),
            options="inc_mlflow.training.distill.options:Distill",
            image="pytorch",
            sources=("torch",),
        ),
        "openvino.static": Entry(
            "inc_mlflow.engines.openvino.methods.static:METHOD",
            "What onnxruntime's static writes, run by OpenVINO: the same options.",
            extra="openvino",
            options="inc_mlflow.engines.openvino.options:OpenVinoStatic",
        ),
        "openvino.bf16": Entry(
            "inc_mlflow.engines.openvino.methods.bf16:METHOD",
            "Computes in bf16 where the CPU has instructions for it: no INT8, hardly any loss.",
            extra="openvino",
            options="inc_mlflow.engines.openvino.options:Bf16",
        ),
        "parts.per_part": Entry(
            "inc_mlflow.engines.parts.method:METHOD",
            "Models of several graphs: each part by a recipe of its own, or left in FP32.",
            options="inc_mlflow.engines.parts.options:PerPart",
        ),
    },
)


def method_name(engine: str, method: str) -> str:
    """Return the name of an engine's method in this registry."""
    return f"{engine}.{method}"


def method_names(engine: str | None = None) -> list[str]:
    """Return the names that a recipe's ``method`` may have, of one engine or of all."""
    names = (name.split(".", 1) for name in METHODS)
    return sorted({method for of, method in names if engine in (None, of)})


def sources_of(name: str) -> tuple[str, ...]:
    """Return the kinds of sources whose module a method changes; none where it begins with a baseline."""
    entry = METHODS.entry(name)
    return entry.sources if isinstance(entry, MethodEntry) else ()


def candidate_trainers(engine: str) -> list[str]:
    """Return the methods that train a candidate of an engine, as a recipe names them."""
    entries = ((method, METHODS.entry(method_name(engine, method))) for method in method_names(engine))
    return [name for name, one in entries if isinstance(one, MethodEntry) and one.trains_candidates]


def image_of_methods(names: Iterable[str]) -> str | None:
    """Return the image of a task that runs methods, given as in this registry; None for that of its pool."""
    entries = (METHODS.entry(name) for name in names)
    return next((one.image for one in entries if isinstance(one, MethodEntry) and one.image), None)


def image_of_trainers(engines: Iterable[str]) -> str | None:
    """Return the image of a task that may train any candidate of engines; None for that of its pool."""
    return image_of_methods(method_name(one, name) for one in engines for name in candidate_trainers(one))


def engine_of(method: str, engines: Sequence[str] = ()) -> str | None:
    """Return the first of ``engines`` that offers a method; None where none does.

    Without ``engines`` all are tried, the default engine first.
    """
    tried = engines or (DEFAULT_ENGINE, *(name.split(".", 1)[0] for name in METHODS))
    return next((engine for engine in tried if method_name(engine, method) in METHODS), None)
