"""Errors a user can act on; everything else is a bug and keeps its traceback."""

import re

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that break a line, move what a terminal shows, or cannot be printed: names and texts of others hold them."""


def one_line(text: str) -> str:
    """Return a text as one line that shows what it holds: such characters are written as in Python."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


class IncError(Exception):
    """Base of every error raised on purpose. The message reads "where: what is wrong; what is allowed", in one line."""

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
