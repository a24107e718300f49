"""Notes the call stacks of a process at events, for ``journeys.py``: what its ``sitecustomize`` starts."""

import ast
import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

Note = dict[str, Any]
"""One event: its name, the process with its parent and command line, and files, innermost first."""
FOLDERS = ("inc_mlflow", "components", "pipelines")
OUT, ROOT = "INC_MLFLOW_JOURNEY", "INC_MLFLOW_JOURNEY_ROOT"
SPEED = ("SpeedCriterion.", "Faster.")  # the gate's class about speed, and its name before
WRITES = ("create_", "delete_", "log_", "set_")


class Trace:
    """Notes the files on the stack at every event, once each, in a file for each process."""

    def __init__(self, out: Path, root: Path) -> None:
        self._out, self._root, self._steps = out, root, set(steps(root))
        self._names: dict[CodeType, str] = {}
        self._seen: set[str] = set()
        self._busy = False

    def start(self) -> None:
        """Follow this process from now on, all its threads and forks."""
        sys.addaudithook(self.audit)
        threading.setprofile(self.profile)
        sys.setprofile(self.profile)

    def profile(self, frame: FrameType, event: str, arg: Any) -> None:
        """Look at calls."""
        if event == "c_call":
            name = getattr(arg, "__name__", "")
            pipe = isinstance(getattr(getattr(arg, "__self__", None), "name", None), int)
            if name == "process_time" or (name == "readline" and pipe):
                self._note(name, frame)
        elif event == "call":
            code = frame.f_code
            file, function = self._name(code), code.co_name
            if file:
                if (file, function) in self._steps:
                    self._note("step", frame)
                elif code.co_qualname.startswith(SPEED):
                    self._note("speed", frame)
            elif function in ("quantile", "savez", "from_array"):
                self._note(function, frame)
            elif function == "model_validate" and code.co_filename.endswith("pydantic/main.py"):
                self._note("validate", frame)
            elif code.co_filename.endswith("mlflow/tracking/client.py") and function.startswith(WRITES):
                self._note("mlflow", frame, function)

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Look at what Python tells of itself."""
        if event in ("os.rename", "os.fork"):
            self._note(event, sys._getframe(1))
        elif event == "subprocess.Popen":
            self._note(event, sys._getframe(1), [os.fsdecode(one) for one in arguments[1]])
        elif event == "open" and str(arguments[0]).endswith(("/speed/record.json", "/benchmark/record.json")):
            self._note("open", sys._getframe(1))

    def _note(self, event: str, top: FrameType, what: Any = None) -> None:
        if self._busy:
            return
        frame: FrameType | None = top
        files, work = dict[str, None](), list[str]()
        while frame is not None:
            if frame.f_code.co_name != "<module>" and (file := self._name(frame.f_code)):
                files[file] = None
                if (file, frame.f_code.co_name) in self._steps:
                    work = list(files)
            frame = frame.f_back
        process = {"process": os.getpid(), "parent": os.getppid(), "command": sys.orig_argv}
        note = {"event": event, "what": what, "files": list(files), "work": work} | process
        line = json.dumps(note)
        if files and line not in self._seen:
            self._seen.add(line)
            self._busy = True
            with (
                suppress(OSError),
                (self._out / str(os.getpid())).open("a") as file,
            ):  # some may write no file
                file.write(line + "\n")
            self._busy = False

    def _name(self, code: CodeType) -> str:
        """Return a file of ours as its path below the root; KFP runs copies of the components."""
        if code not in self._names:
            path = Path(code.co_filename)
            if path.name == "ephemeral_component.py":
                self._names[code] = f"components/{code.co_name}.py"
            else:
                name = os.path.relpath(os.path.realpath(path), self._root)
                self._names[code] = name if name.startswith(FOLDERS) and path.is_absolute() else ""
        return self._names[code]


def sources(root: Path) -> Iterator[tuple[str, ast.Module]]:
    """Yield every file of the program once, parsed."""
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            yield str(path.relative_to(root)), ast.parse(path.read_text())


def steps(root: Path) -> Iterator[tuple[str, str]]:
    """Yield (file, function) of everything that ``@step(…)`` stands on."""
    for file, tree in sources(root):
        for node in ast.walk(tree):
            decorators = node.decorator_list if isinstance(node, ast.FunctionDef) else []
            if any(isinstance(one, ast.Call) and getattr(one.func, "id", "") == "step" for one in decorators):
                yield file, node.name


def follow() -> None:
    """Trace this process: what ``sitecustomize`` calls."""
    Trace(Path(os.environ[OUT]), Path(os.environ[ROOT])).start()
