"""Pipelines of one step that works, fails or is killed, and the program that runs one."""

PIPELINES = """
import os
import sys
from kfp import dsl


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def works() -> str:
    import os
    import statistics
    import subprocess
    import sys

    assert statistics.mean([1, 3]) == 2
    subprocess.run([sys.executable, "-c", "import beside_the_command"], check=True)
    os.write(1, b"WRITTEN\\n")
    print("PRINTED", flush=True)
    print("COMPLAINED", file=sys.stderr, flush=True)
    return os.environ["INC_MLFLOW_STATE"]


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def has_a_bug():
    raise ZeroDivisionError("a bug of ours")


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def is_killed(number: int, parents: int):
    import os

    import psutil

    os.kill([os.getpid(), os.getppid()][parents], number)
    psutil.Process().wait(5)


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def refuses(kind: str, message: str, target: dsl.Output[dsl.Artifact]):
    from pathlib import Path

    from inc_mlflow import errors
    from inc_mlflow.records import Record
    from inc_mlflow.spec import Job, JobSpec
    from inc_mlflow.steps.step import step

    @step("refusal", Record)
    def refuse(job: Job, directory: Path) -> Record:
        raise getattr(errors, kind)(message)

    data = {"version": 1, "name": "x", "model": "x.onnx", "data": {"validation": {"path": "x.npz"}}}
    spec = JobSpec.model_validate(data | {"metric": "top1", "recipes": [{"method": "dynamic"}]})
    refuse(Job(spec, Path()), Path(target.path))


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def is_misused():
    from inc_mlflow.errors import SpecError

    raise SpecError("job: is none; give one")


@dsl.pipeline
def misused():
    is_misused()


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def fails_late():
    import time

    from inc_mlflow import progress

    for done in progress.track(range(100), "of the step that failed", 100):
        time.sleep(0.1)
        if done == 25:
            raise ZeroDivisionError("a bug of ours")


@dsl.pipeline
def late():
    fails_late()


@dsl.pipeline
def good():
    works()


@dsl.pipeline
def buggy():
    has_a_bug()


@dsl.pipeline
def killed(number: int, parents: int):
    is_killed(number=number, parents=parents)


@dsl.pipeline
def refused(kind: str, message: str):
    refuses(kind=kind, message=message)
"""
RUN = """
import json, os, sys, warnings
from pathlib import Path
sys.path[0] = sys.argv[1]  # the program's folder, as ever, in place of the one where the command runs
import kfp
import graphs
from inc_mlflow.pipelines.local import run_local
from inc_mlflow.pipelines import step_progress
step_progress._FIRST_LINE = float(os.environ.get("LINES_AFTER", step_progress._FIRST_LINE))
warnings.simplefilter("error")
before = dict(os.environ)
state, arguments = Path(sys.argv[3]), json.loads(sys.argv[4])
answer = {"kind": None, "message": None}
try:
    run_local(getattr(graphs, sys.argv[2]), arguments, state, verbose=bool(os.environ.get("VERBOSE")))
except Exception as error:
    answer = {"kind": type(error).__name__, "message": str(error), "notes": getattr(error, "__notes__", [])}
answer["environment"] = sorted(set(os.environ.items()) ^ set(before.items()))
os.write(1, b"RESTORED ")
print(json.dumps(answer))
"""
