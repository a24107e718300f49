"""The job: one description that the command line, the components and the library share."""

from inc_mlflow.spec.benchmark import BenchmarkSpec, Scenario
from inc_mlflow.spec.bundle import Bundle
from inc_mlflow.spec.data import CallableSplit, DataSpec, FileSplit, FormatOptions, Split
from inc_mlflow.spec.gate import GateSpec
from inc_mlflow.spec.job import Job, JobSpec
from inc_mlflow.spec.layout import Layout
from inc_mlflow.spec.metric import MetricSpec
from inc_mlflow.spec.placement import (
    CPU_PROVIDER,
    LOCAL,
    SYSTEM,
    Expect,
    Expression,
    PoolSpec,
    Provider,
    Toleration,
)
from inc_mlflow.spec.policy import PolicySpec
from inc_mlflow.spec.pools import ISAS, Emulated, Isa, emulated_pool, parse_isa
from inc_mlflow.spec.recipes import CalibrateMethod, Dynamic, Recipe, Static, label, parse_recipe
from inc_mlflow.spec.tracking import TrackingSpec
from inc_mlflow.spec.transform import ImageTransform, TextTransform

__all__ = [
    "CPU_PROVIDER",
    "ISAS",
    "LOCAL",
    "SYSTEM",
    "BenchmarkSpec",
    "Bundle",
    "CalibrateMethod",
    "CallableSplit",
    "DataSpec",
    "Dynamic",
    "Emulated",
    "Expect",
    "Expression",
    "FileSplit",
    "FormatOptions",
    "GateSpec",
    "ImageTransform",
    "Isa",
    "Job",
    "JobSpec",
    "Layout",
    "MetricSpec",
    "PolicySpec",
    "PoolSpec",
    "Provider",
    "Recipe",
    "Scenario",
    "Split",
    "Static",
    "TextTransform",
    "Toleration",
    "TrackingSpec",
    "emulated_pool",
    "label",
    "parse_isa",
    "parse_recipe",
]
