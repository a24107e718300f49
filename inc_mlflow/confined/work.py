"""A piece of work: a function, its arguments, its limits; and the answer to it."""

import json
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from inc_mlflow.confined.limits import SHORTAGES, Limits
from inc_mlflow.errors import LONGEST_LINE, IncError, one_line

_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Work:
    """``function`` is "module:attribute"; it takes texts and numbers by name and returns a text."""

    function: str
    arguments: Mapping[str, Any]
    limits: Limits

    @property
    def module(self) -> str:
        """Where the function is."""
        return self.function.partition(":")[0]

    def text(self) -> str:
        """Return one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """Read what ``text`` wrote."""
        fields = json.loads(text)
        return cls(fields["function"], fields["arguments"], Limits(**fields["limits"]))

    def do(self) -> str:
        """Call the function."""
        module, _, attribute = self.function.partition(":")
        function: Callable[..., str] = getattr(import_module(module), attribute)
        return function(**self.arguments)


def answer_of(work: Work) -> bytes:
    """Do the work and return JSON: the text, the IncError that it raised, or what else went wrong."""
    try:
        answer = {"kind": "done", "message": work.do()}
    except IncError as error:
        answer = {"kind": type(error).__name__, "message": one_line(str(error), LONGEST_LINE)}
    except MemoryError:
        answer = {
            "kind": "broken",
            "message": f"needs more than {work.limits.memory_bytes >> 20} MiB of memory",
        }
    except Exception as error:  # noqa: BLE001 - one untrusted request: whatever it raises is one line
        answer = {
            "kind": "short" if is_shortage(error) else "broken",
            "message": one_line(describe_error(error), LONGEST_LINE),
        }
    return json.dumps(answer).encode()


def describe_error(error: Exception) -> str:
    """Return an exception in one line, with the last line of this package in its traceback."""
    passed = [(Path(frame.filename), frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    ours = [
        f" in {file.relative_to(_PACKAGE)}:{line}" for file, line in passed if file.is_relative_to(_PACKAGE)
    ]
    where = ours[-1] if ours else ""
    return one_line(f"met {type(error).__name__}{where}: {error}", LONGEST_LINE)


def is_shortage(error: Exception) -> bool:
    """Return whether an exception is about this machine, not about what was read."""
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in SHORTAGES)
