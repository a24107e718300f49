"""The job: one description that the command line, the components and the library share."""

from inc_mlflow.registry.engines import Device
from inc_mlflow.spec.benchmark import BenchmarkSpec, Scenario
from inc_mlflow.spec.bundle import Bundle
from inc_mlflow.spec.data import CallableSplit, DataSpec, FileSplit, FormatOptions, Split
from inc_mlflow.spec.gate import GateSpec
from inc_mlflow.spec.job import JobSpec
from inc_mlflow.spec.layout import Layout
from inc_mlflow.spec.loaded_job import Job
from inc_mlflow.spec.metric import MetricSpec
from inc_mlflow.spec.parts import PartsSpec
from inc_mlflow.spec.placement import (
    CPU,
    LOCAL,
    SYSTEM,
    Expect,
    Expression,
    PoolSpec,
    Toleration,
)
from inc_mlflow.spec.policy import PolicySpec
from inc_mlflow.spec.pools import ISAS, Emulated, Isa, emulated_pool, parse_isa
from inc_mlflow.spec.recipes import AnyRecipe, Recipe, parse_recipe
from inc_mlflow.spec.several_metrics import JobMetric, gates_of
from inc_mlflow.spec.source import SourceSpec
from inc_mlflow.spec.tracking import TrackingSpec
from inc_mlflow.spec.transform import ImageTransform, TextTransform

__all__ = [
    "CPU",
    "ISAS",
    "LOCAL",
    "SYSTEM",
    "AnyRecipe",
    "BenchmarkSpec",
    "Bundle",
    "CallableSplit",
    "DataSpec",
    "Device",
    "Emulated",
    "Expect",
    "Expression",
    "FileSplit",
    "FormatOptions",
    "GateSpec",
    "ImageTransform",
    "Isa",
    "Job",
    "JobMetric",
    "JobSpec",
    "Layout",
    "MetricSpec",
    "PartsSpec",
    "PolicySpec",
    "PoolSpec",
    "Recipe",
    "Scenario",
    "SourceSpec",
    "Split",
    "TextTransform",
    "Toleration",
    "TrackingSpec",
    "emulated_pool",
    "gates_of",
    "parse_isa",
    "parse_recipe",
]
