"""The job: one description that the command line, the components and the library share."""

from inc_mlflow.spec.benchmark import BenchmarkSpec, Scenario
from inc_mlflow.spec.data import CallableSplit, DataSpec, FileSplit, Split, Transform
from inc_mlflow.spec.gate import GateSpec
from inc_mlflow.spec.job import Job, JobSpec, TrackingSpec
from inc_mlflow.spec.layout import Layout
from inc_mlflow.spec.metric import MetricSpec
from inc_mlflow.spec.pools import ISAS, Emulated, Isa, emulated_pool, parse_isa
from inc_mlflow.spec.recipes import CalibrateMethod, Dynamic, Recipe, Static, label, parse_recipe

__all__ = [
    "ISAS",
    "BenchmarkSpec",
    "CalibrateMethod",
    "CallableSplit",
    "DataSpec",
    "Dynamic",
    "Emulated",
    "FileSplit",
    "GateSpec",
    "Isa",
    "Job",
    "JobSpec",
    "Layout",
    "MetricSpec",
    "Recipe",
    "Scenario",
    "Split",
    "Static",
    "TrackingSpec",
    "Transform",
    "emulated_pool",
    "label",
    "parse_isa",
    "parse_recipe",
]
