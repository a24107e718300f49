"""Help and completion must not wait for frameworks."""

import subprocess
import sys

import pytest

HEAVY = (
    "mlflow",
    "torch",
    "tensorflow",
    "kfp",
    "onnxruntime",
    "onnx",
    "numpy",
    "scipy",
    "sklearn",
    "pydantic",
    "rich",
    "PIL",
)


@pytest.mark.parametrize(
    "module", ["inc_mlflow", "inc_mlflow.cli", "inc_mlflow.errors", "inc_mlflow.registry", "inc_mlflow.files"]
)
def test_importing_loads_no_framework(module):
    code = f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_tables_of_metrics_and_datasets_list_without_importing_what_they_name():
    heavy = tuple(name for name in HEAVY if name not in {"numpy", "pydantic"})
    code = (
        "import sys; from inc_mlflow.registry.metrics import METRICS; from inc_mlflow.registry.datasets import DATASETS; "
        f"assert list(METRICS) and list(DATASETS); print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_job_is_the_one_lazy_name_of_the_package():
    import inc_mlflow
    from inc_mlflow.spec import JobSpec

    assert inc_mlflow.JobSpec is JobSpec
    with pytest.raises(AttributeError, match="has no attribute 'Jobspec'"):
        _ = inc_mlflow.Jobspec
