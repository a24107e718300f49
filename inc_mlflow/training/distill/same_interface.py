"""Student and teacher must be exchangeable: the same inputs, and outputs of the same names and shapes."""

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import ModelError
from inc_mlflow.sources.pytorch.source import OpenedModule

_GIVE = "let both take and return the same"


def check_inputs(student: OpenedModule, other: OpenedModule, who: str, where: str) -> None:
    """Raise ModelError, which begins with ``where``, if inputs have other names; ``who`` is the other one."""
    mine, theirs = set(student.examples.names), set(other.examples.names)
    if mine != theirs:
        raise ModelError(
            f"{where}: the student has the inputs {_listed(mine)}, {who} has {_listed(theirs)}; {_GIVE}"
        )


def check_outputs(found: Arrays, expected: Arrays, who: str, where: str) -> None:
    """Raise ModelError where outputs for the same rows have other names, shapes or kinds of numbers."""
    mine, theirs = _described(found), _described(expected)
    if mine != theirs:
        raise ModelError(
            f"{where}: the student has the outputs {_listed(mine)}, {who} has {_listed(theirs)}; {_GIVE}"
        )


def _described(outputs: Arrays) -> set[str]:
    """Return name, sizes behind the rows, and type of each output."""
    return {
        f"{name} ({', '.join(['n', *map(str, array.shape[1:])])}) {array.dtype}"
        for name, array in outputs.items()
    }


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
