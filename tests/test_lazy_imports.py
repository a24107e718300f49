"""Help and completion must not wait for frameworks."""

import ast
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


@pytest.mark.parametrize("table", ["datasets", "engines", "methods", "metrics", "postprocess", "sources"])
def test_a_table_lists_its_names_without_importing_what_they_stand_for(table):
    code = (
        f"import sys; from inc_mlflow.registry.{table} import {table.upper()} as table; assert list(table); "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


HELP = """
import sys
from inc_mlflow.cli import main
try:
    main()
except SystemExit:
    pass
print([name for name in sys.modules if name.startswith("inc_mlflow.") and not name.startswith("inc_mlflow.cli")])
"""


def test_help_loads_of_ours_only_the_command_line():
    done = subprocess.run([sys.executable, "-c", HELP, "--help"], capture_output=True, text=True, check=True)
    assert set(ast.literal_eval(done.stdout.splitlines()[-1])) <= {
        "inc_mlflow.errors",
        "inc_mlflow.pipelines",
    }


def test_the_job_is_the_one_lazy_name_of_the_package():
    import inc_mlflow
    from inc_mlflow.spec import JobSpec

    assert inc_mlflow.JobSpec is JobSpec
    with pytest.raises(AttributeError, match="has no attribute 'Jobspec'"):
        _ = inc_mlflow.Jobspec
