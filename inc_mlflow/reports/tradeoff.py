"""The judgement as a picture: loss over speed of each candidate, with bounds and the gate's limits."""

import html
import math
from collections.abc import Iterator
from dataclasses import dataclass

from inc_mlflow.formatting import percent, times
from inc_mlflow.records import Interval, JudgementRecord, MetricFacts, Row
from inc_mlflow.spec import GateSpec

_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 760, 80, 730, 50, 380
_LINE = 22
"""Pixels from one line of the legend to the next."""
_TICKS = 6
_DEPTH = 5
"""Losses are shown up to this multiple of the allowed one; what loses more lies at the lower edge."""
_COLOURS = {"pass": "#1a7f37", "inconclusive": "#9a6700", "fail": "#cf222e"}
"""By classes of their own: a page that shows the picture may have other colours, for dark screens."""
_STYLE = (
    "text{font:13px sans-serif;fill:#24292f}.grid{stroke:#d0d7de}"
    ".limit{stroke:#57606a;stroke-dasharray:6 4}.corner{fill:#1a7f37;opacity:.08}.told{fill:currentColor}"
    + "".join(f".{verdict}{{color:{colour}}}" for verdict, colour in _COLOURS.items())
)


@dataclass(frozen=True)
class _Axis:
    """Values from ``low`` to ``high`` lie at pixels from ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return the pixel of a value; at the edge where it lies outside."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self) -> list[float]:
        """Return round values, about half a dozen."""
        rough = (self.high - self.low) / _TICKS
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * unit for factor in (1, 2, 5, 10) if factor * unit >= rough)
        return [
            number * step for number in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)
        ]


def draw_tradeoff(judgement: JudgementRecord, gate: GateSpec) -> str:
    """Return an SVG of all candidates with a speed and a drop; equal judgements give equal text."""
    baseline, candidates = judgement.table[0], judgement.candidates
    allowed = gate.relative_limit(baseline.accuracy.value if baseline.accuracy else 0.0)
    shown = [(row.speedup, row.relative_drop) for row in candidates if row.speedup and row.relative_drop]
    speed, loss = _axes([one for one, _ in shown], [one for _, one in shown], gate.min_speedup, allowed)
    parts = [
        _title(judgement.headline()),
        *_frame(speed, loss, judgement.metric),
        *_limits(speed.at(gate.min_speedup), loss.at(allowed)),
        f'<circle cx="{speed.at(1.0)}" cy="{loss.at(0.0)}" r="5"/>',
        f'<text x="{speed.at(1.0) + 8}" y="{loss.at(0.0) - 8}">FP32 baseline</text>',
        *(
            part
            for number, row in enumerate(candidates, start=1)
            for part in _candidate(number, row, speed, loss, judgement.metric.loss)
        ),
    ]
    height = _BOTTOM + 60 + _LINE * len(candidates)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"><style>{_STYLE}</style>'
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>{"".join(parts)}</svg>\n'
    )


def _title(text: str) -> str:
    return f'<text x="{_LEFT}" y="24" style="font-weight:bold">{html.escape(text)}</text>'


def _axes(
    speeds: list[Interval], losses: list[Interval], needed: float, allowed: float
) -> tuple[_Axis, _Axis]:
    fastest = max([1.0, needed, *(one.high for one in speeds)])
    slowest = min([1.0, needed, *(one.low for one in speeds)])
    deepest = _DEPTH * max(allowed, 1e-3)
    least = min([0.0, *(one.low for one in losses)])
    most = min(deepest, max([1.5 * allowed, 1e-3, *(one.high for one in losses)]))
    margin = 0.05 * (fastest - slowest) or 0.1
    speed = _Axis(slowest - margin, fastest + margin, _LEFT, _RIGHT)
    return speed, _Axis(max(least, -deepest) - 0.08 * most, most * 1.05, _TOP, _BOTTOM)


def _frame(speed: _Axis, loss: _Axis, metric: MetricFacts) -> Iterator[str]:
    for value in speed.ticks():
        x = speed.at(value)
        yield f'<path class="grid" d="M{x} {_TOP}V{_BOTTOM}"/>'
        yield f'<text x="{x}" y="{_BOTTOM + 18}" text-anchor="middle">{times(value)}</text>'
    for value in loss.ticks():
        y = loss.at(value)
        yield f'<path class="grid" d="M{_LEFT} {y}H{_RIGHT}"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{percent(value)}</text>'
    yield f'<text x="{_RIGHT}" y="{_BOTTOM + 38}" text-anchor="end">times as fast as the FP32 baseline</text>'
    what = html.escape(f"{metric.loss} of {metric.name}")
    yield f'<text x="{_LEFT}" y="{_TOP - 8}">{what}, relative to the baseline&#8217;s</text>'


def _limits(needed: float, allowed: float) -> Iterator[str]:
    """Mark the corner in which a candidate has to lie with all of its bounds."""
    size = f'width="{_RIGHT - needed:.1f}" height="{allowed - _TOP:.1f}"'
    yield f'<rect class="corner" x="{needed}" y="{_TOP}" {size}/>'
    yield f'<path class="limit" d="M{needed} {_TOP}V{_BOTTOM}"/>'
    yield f'<path class="limit" d="M{_LEFT} {allowed}H{_RIGHT}"/>'


def _candidate(number: int, row: Row, speed: _Axis, loss: _Axis, word: str) -> Iterator[str]:
    verdict = row.verdict or "fail"
    if row.speedup and row.relative_drop:
        yield from _cross(number, row.speedup, row.relative_drop, speed, loss, verdict)
    y = _BOTTOM + 50 + _LINE * number
    said = f"{number}: {row.recipe}, {_figures(row, word)}: {row.verdict}"
    yield f'<text class="told {verdict}" x="{_LEFT}" y="{y}">{html.escape(said)}</text>'


def _cross(
    number: int, speedup: Interval, drop: Interval, speed: _Axis, loss: _Axis, verdict: str
) -> Iterator[str]:
    x, y = speed.at(speedup.value), loss.at(drop.value)
    bounds = (
        f"M{speed.at(speedup.low)} {y}H{speed.at(speedup.high)}M{x} {loss.at(drop.low)}V{loss.at(drop.high)}"
    )
    yield f'<path class="{verdict}" d="{bounds}" stroke="currentColor" stroke-width="1.5"/>'
    yield f'<circle class="{verdict}" cx="{x}" cy="{y}" r="5" fill="currentColor"/>'
    yield f'<text x="{x + 8}" y="{y - 8}" style="font-weight:bold">{number}</text>'


def _figures(row: Row, word: str) -> str:
    drop = f"{word} {percent(row.relative_drop.value)}" if row.relative_drop else f"no {word} known"
    return f"{drop}, {times(row.speedup.value) if row.speedup else 'no speed'}"
