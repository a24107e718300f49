"""Errors a user can act on; everything else is a bug and keeps its traceback."""

from unicodedata import category

LONGEST_LINE = 1000
"""Characters of a line that holds text of somebody else."""


_JOINERS = "\u200c\u200d"
"""Invisible characters that many scripts and emoji need; they are shown as they are."""


def one_line(text: str, longest: int | None = None) -> str:
    """Return a text as one printable line, cut to ``longest`` characters.

    Characters that break a line, control a terminal or cannot be printed are escaped as in Python: names of
    files and models may hold them.
    """
    shown = "".join(map(_shown, text[: longest and longest + 1]))
    return shown if longest is None or len(shown) <= longest else f"{shown[: longest - 1]}…"


def _shown(sign: str) -> str:
    hidden = (category(sign)[0] == "C" or category(sign) in {"Zl", "Zp"}) and sign not in _JOINERS
    return sign.encode("unicode_escape").decode("ascii") if hidden else sign


def reason(error: BaseException, longest: int = 200) -> str:
    """Return a library's message as part of a line, cut to ``longest`` characters.

    Returns the name of the exception's class where it has no message.
    """
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


class IncError(Exception):
    """Base of every error raised on purpose.

    The message reads "where: what is wrong; what is allowed", in one line.
    """

    def __str__(self) -> str:
        """Return the message as one printable line, whatever texts it quotes."""
        return one_line(super().__str__())


class SpecError(IncError):
    """The job file is wrong; the message starts with the path of the field."""


class UnknownNameError(IncError):
    """A registry has no entry of that name."""


class MissingExtraError(IncError):
    """The job needs what a base installation lacks: a package, a program, a kind of CPU."""


class HardwareError(IncError):
    """This machine, real or emulated, could not be verified as the hardware that a measurement requires."""


class DataError(IncError):
    """A split cannot be read, or does not fit the model, the metric or the other splits."""


class ModelError(IncError):
    """A model file cannot be read, converted, quantised or run.

    ``details`` is the whole text of a library that failed, for the record; it may have many lines.
    """

    def __init__(self, message: str = "", details: str = "") -> None:
        super().__init__(message)
        self.details = details


class UnchangedError(ModelError):
    """A recipe finds nothing in a model that it could change."""


class CallableError(IncError):
    """The user's code raised an exception; the message has its file, line and text."""


class StateError(IncError):
    """The job's state folder cannot be used: locked by another run, not writable, disk full."""


class KilledError(IncError):
    """A process of the job was killed: by the system, for want of memory, or by a person."""


class ClusterError(IncError):
    """The Kubeflow server cannot be reached, refuses, or ended a run without a verdict."""


class TrackingError(IncError):
    """The MLflow server cannot be reached, refuses, or holds something that this program did not make."""


class UnreachableError(TrackingError):
    """The MLflow server does not answer. What it has stays, and the rest can be sent later."""


class ForeignError(TrackingError):
    """A registered model, or one of its aliases, belongs to somebody else."""


class StaleError(TrackingError):
    """Another champion was promoted since the candidate was measured, so it must be measured again."""


class LedgerError(TrackingError):
    """Registry and ledger of a model contradict each other: somebody else changed one of them."""


class FrozenError(TrackingError):
    """Promotion of a registered model is frozen; the message says by whom and why."""


class BrokenError(DataError):
    """Untrusted input made the process that reads it fail: it crashed or exceeded a limit."""


class ShortageError(IncError):
    """This machine lacks memory, disk or processes now. The same work may succeed later."""
