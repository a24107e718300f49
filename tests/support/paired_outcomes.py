"""Paired outcomes of two models, from their scores per row."""

from inc_mlflow.measure.stats.outcomes import Outcomes
from inc_mlflow.measure.stats.paired import Pair, relative_drop


def outcomes(scores):
    return Outcomes(float(scores.mean()), scores)


def pair(baseline, candidate, higher_is_better=True, **changes):
    return Pair(outcomes(baseline), outcomes(candidate), True, higher_is_better, len(baseline), **changes)


def drop(baseline, candidate, limit=0.01, **changes):
    return relative_drop(pair(baseline, candidate, **changes), limit)(0.95)
