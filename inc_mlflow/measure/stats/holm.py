"""Holm's procedure: with several candidates, each one more is another chance to pass by luck."""

from collections.abc import Callable, Mapping


def holm(confidence: float, passes: Mapping[str, Callable[[float], bool]]) -> dict[str, float]:
    """Return the confidence at which each candidate is judged, so that all passes hold at ``confidence``.

    ``passes`` says per candidate whether it passes at a confidence; what passes at one must pass at any lower
    one. Holm, Scandinavian Journal of Statistics 6, 1979: the first of k is judged at 1 - alpha / k, the next
    at 1 - alpha / (k - 1); those that do not pass, at the last that was tried.
    """
    levels: dict[str, float] = {}
    waiting = dict(passes)
    shown = True
    while waiting and shown:
        level = 1 - (1 - confidence) / len(waiting)
        passed = {name for name, passes_at in waiting.items() if passes_at(level)}
        levels |= dict.fromkeys(waiting, level)
        waiting = {name: passes_at for name, passes_at in waiting.items() if name not in passed}
        shown = bool(passed)
    return levels
