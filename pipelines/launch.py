"""Starts a step in place of KFP's shell.

Run as ``python -m inc_mlflow.pipelines.launch MODULE SOURCE ...``.

A step ends with its run, however that ends. What ends a step early is left in a file for the run: a line for
the user, a bug's traceback, or that the step was killed. KFP only says that it failed.
"""

import os
import runpy
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.errors import IncError
from inc_mlflow.guard import end_with_parent

if TYPE_CHECKING:
    from google.protobuf.struct_pb2 import Struct

RUN = "INC_MLFLOW_RUN"
"""Environment variable with the process id of the run."""
SAFE_PATH = "PYTHONSAFEPATH"
"""Environment variable of Python: modules in the folder where a program starts are none of its own."""
_SHELL = ["sh", "-ec"]


def use_launcher(deployment: "Struct") -> None:
    """Make all steps of a pipeline start through this program."""
    from kfp.dsl.component_factory import EXECUTOR_MODULE

    for executor in deployment["executors"].values():
        command = list(executor["container"]["command"])
        if command[:2] == _SHELL:
            executor["container"]["command"] = ["python3", "-m", __name__, EXECUTOR_MODULE, command[-1]]


def main(module: str, source: str, *arguments: str) -> int:
    """Run the step in a child process, whose end this process waits for and reports."""
    end_with_parent(int(os.environ[RUN]))
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # the run itself prints the one line
    os.environ.pop(SAFE_PATH, None)  # it is for this process; programs of the user's are theirs
    launcher = os.getpid()
    step = os.fork()
    if step == 0:
        end_with_parent(launcher)
        with _telling_the_run():
            _execute(module, source, arguments)
        return 0
    code = os.waitstatus_to_exitcode(os.waitpid(step, 0)[1])
    if code < 0:
        _report(arguments[arguments.index("--function_to_execute") + 1], -code)
    return abs(code)  # of a signal it is negative; KFP asks only whether it is 0


@contextmanager
def _telling_the_run() -> Iterator[None]:
    """Leave for the run what ends the step; the traceback goes into the log as well."""
    from inc_mlflow.steps import failure
    from inc_mlflow.steps.step import FAILURE

    try:
        yield
    except IncError as error:
        failure.save(Path(os.environ[FAILURE]), error)
        raise
    except Exception:
        failure.save_bug(Path(os.environ[FAILURE]), traceback.format_exc())
        raise


def _execute(module: str, source: str, arguments: tuple[str, ...]) -> None:
    """Run KFP's executor as its shell would."""
    program = Path(tempfile.mkdtemp()) / "ephemeral_component.py"
    program.write_text(source)
    os.environ["_KFP_RUNTIME"] = "true"
    sys.argv = [module, "--component_module_path", str(program), *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _report(step: str, number: int) -> None:
    from inc_mlflow.steps import failure
    from inc_mlflow.steps.step import FAILURE

    error = failure.killed(step, number)
    if error:
        failure.save(Path(os.environ[FAILURE]), error)
    else:
        failure.save_bug(Path(os.environ[FAILURE]), f"{step} crashed (signal {number})\n")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
