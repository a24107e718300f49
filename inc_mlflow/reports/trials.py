"""The trials of a search as a picture: accuracy over speed, with the candidates that were chosen."""

from collections.abc import Sequence
from io import StringIO
from typing import TYPE_CHECKING

from inc_mlflow.formatting import times
from inc_mlflow.records import Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE = (9.0, 5.4)  # inches
_TAKEN, _BEATEN, _REJECTED, _LIMIT = "#1a7f37", "#0969da", "#8c959f", "#cf222e"
_DEPTH = 5
"""Drops are shown up to this multiple of the allowed one; what falls further lies at the lower edge."""


def draw_trials(trials: Sequence[Trial], shortlist: Sequence[Trial], max_relative_drop: float) -> str:
    """Return an SVG of the trials that were scored; equal trials give equal text.

    The vertical axis is the share of the baseline's metric that is kept on the tuning split.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    floor = 100 * (1 - _DEPTH * max(max_relative_drop, 1e-3))
    with mpl.rc_context(
        {"svg.hashsalt": "inc", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False}
    ):
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.subplots()
        _frame(axes, len(trials), max_relative_drop)
        rest = [one for one in trials if one.relative_drop is not None and one not in shortlist]
        _scatter(axes, [one for one in rest if one.rejected], floor, color=_REJECTED, label="rejected")
        _scatter(
            axes,
            [one for one in rest if not one.rejected],
            floor,
            color=_BEATEN,
            label="beaten by a candidate",
        )
        for number, one in enumerate(shortlist, start=1):
            _scatter(axes, [one], floor, color=_TAKEN, label=f"{number}: {one.label}, {times(_speed(one))}")
            axes.annotate(
                str(number),
                (_speed(one), max(floor, _kept(one))),
                (5, 5),
                textcoords="offset points",
                weight="bold",
            )
        axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2)
        text = StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def _frame(axes: "Axes", count: int, max_relative_drop: float) -> None:
    axes.set_title(f"Search: {count} trials", loc="left")
    axes.set_xlabel("times as fast as the FP32 baseline")
    axes.set_ylabel("share of the metric kept on tuning, %")
    axes.axhline(
        100 * (1 - max_relative_drop), color=_LIMIT, linestyle="--", linewidth=1, label="allowed drop"
    )
    axes.scatter([1], [100], marker="D", s=46, color="black", label="FP32 baseline")


def _scatter(axes: "Axes", group: Sequence[Trial], floor: float, color: str, label: str) -> None:
    if group:
        axes.scatter(
            [_speed(one) for one in group],
            [max(floor, _kept(one)) for one in group],
            s=42,
            color=color,
            label=label,
        )


def _speed(trial: Trial) -> float:
    return trial.speedup.value if trial.speedup else 0.0


def _kept(trial: Trial) -> float:
    return 100 * (1 - trial.relative_drop.value) if trial.relative_drop else 0.0
