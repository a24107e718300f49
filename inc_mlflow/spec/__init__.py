"""The job: one description that the command line, the components and the library share."""

from inc_mlflow.spec.data import CallableSplit, DataSpec, FileSplit, Split, Transform
from inc_mlflow.spec.job import BenchmarkSpec, GateSpec, Job, JobSpec, MetricSpec, TrackingSpec
from inc_mlflow.spec.layout import Layout
from inc_mlflow.spec.recipes import Dynamic, Recipe, Static, label, parse_recipe

__all__ = [
    "BenchmarkSpec",
    "CallableSplit",
    "DataSpec",
    "Dynamic",
    "FileSplit",
    "GateSpec",
    "Job",
    "JobSpec",
    "Layout",
    "MetricSpec",
    "Recipe",
    "Split",
    "Static",
    "TrackingSpec",
    "Transform",
    "label",
    "parse_recipe",
]
