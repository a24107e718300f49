"""Families of scores with a known truth: a good model's scores, and how a candidate loses some of them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from inc_mlflow.measure.stats.outcomes import Outcomes
from inc_mlflow.measure.stats.paired import Pair

Random = np.random.Generator


@dataclass(frozen=True)
class Family:
    """One family: ``scores`` draws a baseline's rows, ``groups`` who said them.

    ``between`` is the range that the metric declares.
    """

    name: str
    scores: Callable[[Random, int], np.ndarray]
    between: tuple[float | None, float | None] = (0.0, 1.0)
    groups: Callable[[Random, int], np.ndarray] | None = None

    def pair(self, random: Random, rows: int, drop: float, loses: str) -> Pair:
        """Draw a split on which the candidate loses ``drop`` of the metric in the mean over all splits.

        ``loses`` is "rarely": some rows lose all they have; or "widely": most lose next to nothing and few
        much.
        """
        groups = None if self.groups is None else self.groups(random, rows)
        count = rows if groups is None else int(groups.max()) + 1
        baseline = self.scores(random, rows) if groups is None else _of_speakers(random, self.scores, groups)
        lost = (
            random.random(count) < drop
            if loses == "rarely"
            else np.minimum(1, drop * random.gamma(0.2, 5, count))
        )
        candidate = baseline * (1 - (lost if groups is None else lost[groups]))
        found = (Outcomes(float(one.mean()), one) for one in (baseline, candidate))
        return Pair(*found, True, True, rows, self.between, groups)


def _of_speakers(
    random: Random, scores: Callable[[Random, int], np.ndarray], groups: np.ndarray
) -> np.ndarray:
    """Scores of one speaker are alike: half is the speaker's, half the row's own."""
    return (scores(random, int(groups.max()) + 1)[groups] + scores(random, len(groups))) / 2


def _speakers(random: Random, rows: int) -> np.ndarray:
    """Speakers of 1 to many rows each, 5 on average, numbered from 0."""
    sizes = random.geometric(0.2, rows)
    return np.repeat(np.arange(rows), sizes)[:rows]


def _tokens(random: Random, rows: int) -> np.ndarray:
    return random.binomial(1 + random.poisson(9, rows), 0.9).astype(float)


FAMILIES = [
    Family("0/1", lambda random, rows: (random.random(rows) < 0.89).astype(float)),
    Family("uniform", lambda random, rows: random.random(rows)),
    Family("near 1", lambda random, rows: 1 - random.beta(1, 99, rows)),
    Family("exactly 1", lambda _, rows: np.ones(rows)),
    Family("bimodal", lambda random, rows: np.where(random.random(rows) < 0.3, 0.1, 0.95)),
    Family("heavy-tailed", lambda random, rows: random.lognormal(0, 1.2, rows), (None, None)),
    Family("token counts", _tokens, (0.0, None)),
    Family("clustered", lambda random, rows: random.beta(9, 1, rows), groups=_speakers),
]
