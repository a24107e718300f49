"""Wait as long as a busy server asks (429), within a bound that MLflow's client lacks."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

LONGEST = 10.0
"""Most seconds to wait before one more attempt: a server that asks for an hour must not hang a command."""
_TOO_MANY = 429


@dataclass
class Waits:
    """Waiting times since the connection began."""

    asked: float = 0.0
    """Seconds, by the last answer; 0 where it did not say."""
    waited: float = 0.0
    """Seconds in all, where a server said how long."""

    def text(self) -> str:
        """Say what was tried."""
        if not self.asked:
            return ""
        return f", asks to wait {self.asked:.0f} s, and was waited for {self.waited:.0f} s"


_NOW = Waits()
"""Of this process: MLflow sends files from threads of its own."""


def wait_for_server(pause: float) -> None:
    """Wait before one more attempt, for as long as the last answer asks, but ``pause`` at least."""
    seconds = min(_NOW.asked, LONGEST)
    _NOW.waited += seconds
    time.sleep(max(pause, seconds))


@contextmanager
def bounded_waits() -> Iterator[Waits]:
    """Note what servers ask for, and wait ``LONGEST`` at most.

    urllib3 takes a bound only from whoever makes its ``Retry``: that is MLflow, which passes none.
    """
    from urllib3.util.retry import Retry

    before = Retry.increment

    def increment(retry: Retry, *arguments: Any, **named: Any) -> Retry:
        _NOW.asked = _asked(named.get("response"))
        following = before(retry, *arguments, **named)
        following.retry_after_max = int(LONGEST)
        _NOW.waited += min(_NOW.asked, LONGEST)
        return following

    _NOW.asked = _NOW.waited = 0.0
    Retry.increment = increment  # type: ignore[method-assign,assignment]
    try:
        yield _NOW
    finally:
        Retry.increment = before  # type: ignore[method-assign]


def _asked(response: object) -> float:
    """Return the seconds that an answer of a busy server asks for; 0 where it is none, or does not say."""
    from urllib3.response import BaseHTTPResponse
    from urllib3.util.retry import Retry

    if not isinstance(response, BaseHTTPResponse) or response.status != _TOO_MANY:
        return 0.0
    return Retry().get_retry_after(response) or 0.0
