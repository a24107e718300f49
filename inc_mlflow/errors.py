"""Errors a user can act on; everything else is a bug and keeps its traceback."""

from unicodedata import category

LONGEST_LINE = 1000
"""Characters of a line that somebody else made a gate say."""


_JOINERS = "\u200c\u200d"
"""Signs that many scripts, and pictures of people, are written with."""


def one_line(text: str, longest: int | None = None) -> str:
    """Return a text as one line that shows what it holds, its beginning where it is longer.

    Signs that break a line, move what a terminal shows or cannot be printed are written as in Python: names
    hold them.
    """
    shown = "".join(map(_shown, text[: longest and longest + 1]))
    return shown if longest is None or len(shown) <= longest else f"{shown[: longest - 1]}…"


def _shown(sign: str) -> str:
    hidden = (category(sign)[0] == "C" or category(sign) in {"Zl", "Zp"}) and sign not in _JOINERS
    return sign.encode("unicode_escape").decode("ascii") if hidden else sign


def reason(error: BaseException, longest: int = 200) -> str:
    """Return what a library said as part of a line.

    Its kind where it said nothing, its beginning where it said too much.
    """
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


class IncError(Exception):
    """Base of every error raised on purpose.

    The message reads "where: what is wrong; what is allowed", in one line.
    """

    def __str__(self) -> str:
        """Return the message, whatever names and texts of others went into it."""
        return one_line(super().__str__())


class SpecError(IncError):
    """The job file is wrong; the message starts with the path of the field."""


class UnknownNameError(IncError):
    """A table has no entry of that name."""


class MissingExtraError(IncError):
    """The job needs something that a base installation does not bring: a package, a program, a kind of CPU."""


class HardwareError(IncError):
    """This machine, or what stands in for another one, cannot be told to be what a measurement needs."""


class DataError(IncError):
    """A split cannot be read, or does not fit the model, the metric or the other splits."""


class ModelError(IncError):
    """A model file cannot be read, converted, quantised or run."""


class CallableError(IncError):
    """Code of the user's raised; the message keeps its file, line and text."""


class StateError(IncError):
    """The job's state folder cannot be used: locked by another run, not writable, disk full."""


class KilledError(IncError):
    """A process of ours was ended from outside: by the system, which had no memory left, or by a person."""


class ClusterError(IncError):
    """The Kubeflow server cannot be reached, refuses, or ended a run without a verdict."""


class TrackingError(IncError):
    """The MLflow server cannot be reached, refuses, or holds something that is not ours."""


class UnreachableError(TrackingError):
    """The MLflow server does not answer: what it was told before stands, and the rest can be sent later."""


class ForeignError(TrackingError):
    """A registered model, or one of its aliases, is somebody else's."""


class StaleError(TrackingError):
    """Another champion was promoted since the candidate was measured: only measuring again can tell which is better."""


class LedgerError(TrackingError):
    """Registry and ledger of a registered model contradict each other: somebody else moved, altered or removed something."""


class FrozenError(TrackingError):
    """Promotion of a registered model is stopped for now, by whom and why the message says."""


class BrokenError(DataError):
    """What somebody else wrote made the process that reads it fail in a way that nobody foresaw: it ran out of time, say."""


class ShortageError(IncError):
    """This machine has no room for the work now: memory, disk, processes. The same may work later."""
