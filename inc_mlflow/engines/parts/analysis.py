"""Why a candidate of parts is slow or wrong: the analysis of each part, on its calls in the baseline."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.analysis import Analysis
from inc_mlflow.engines.engine import Engine, RunSettings
from inc_mlflow.engines.parts.folder import PartsModel
from inc_mlflow.engines.parts.options import in_part
from inc_mlflow.engines.parts.pipeline import load_pipeline, spread, spread_calls
from inc_mlflow.errors import ModelError
from inc_mlflow.files import model_sha256
from inc_mlflow.records import SaturationReport, Slow

_CALLS = 16
"""Calls of each part that are analysed."""


class PartsAnalysis:
    """The analysis of the parts' engine, part by part; nodes are named "part/node"."""

    def __init__(self, engine: Engine, analysis: Analysis) -> None:
        self._engine, self._analysis = engine, analysis

    def explain(
        self, baseline: Path, slow: Mapping[str, Path], batches: Sequence[Arrays], passes: int
    ) -> dict[str, Slow]:
        """Explain each part that changed, on some of its calls; seconds are of all calls of a batch.

        The time of parts that did not change, and of the function, is not in them.
        """
        found: dict[str, dict[str, Slow]] = {label: {} for label in slow}
        model = PartsModel.open(baseline)
        pipeline = load_pipeline(model, self._engine, RunSettings())
        each = [pipeline.calls(inputs) for inputs in batches]
        for name, part in model.parts.items():
            calls = [call for one in each for call in one[name]]
            changed = {
                label: path
                for label, folder in slow.items()
                if _differs(part, path := PartsModel.open(folder).parts[name])
            }
            if changed and calls:
                times = len(calls) / len(each)
                explained = self._analysis.explain(part, changed, spread(calls, _CALLS), passes)
                for label, one in explained.items():
                    found[label][name] = _times(one, times)
        return {label: _joined(parts) for label, parts in found.items() if parts}

    def slower_nodes(
        self, baseline: Path, candidate: Path, batches: Sequence[Arrays], passes: int
    ) -> list[str]:
        """Return the nodes of changed parts that are not faster, part by part."""
        calls = self._calls(baseline, batches)
        return [
            in_part(name, node)
            for name, part, changed in _changed(baseline, candidate)
            for node in self._analysis.slower_nodes(part, changed, calls[name], passes)
        ]

    def node_errors(self, baseline: Path, candidate: Path, batches: Iterable[Arrays]) -> dict[str, float]:
        """Return the noise that each node of changed parts adds, largest first."""
        calls = self._calls(baseline, batches)
        errors = {
            in_part(name, node): error
            for name, part, changed in _changed(baseline, candidate)
            for node, error in self._analysis.node_errors(part, changed, calls[name]).items()
        }
        return dict(sorted(errors.items(), key=lambda pair: -pair[1]))

    def first_departure(self, baseline: Path, candidate: Path, rows: Iterable[Arrays]) -> str | None:
        """Return the first node that departs, of the first part that does."""
        calls = self._calls(baseline, rows)
        for name, part, changed in _changed(baseline, candidate):
            if (node := self._analysis.first_departure(part, changed, calls[name])) is not None:
                return in_part(name, node)
        return None

    def tensor_values(self, model: Path, rows: Iterable[Arrays], names: Sequence[str]) -> Iterator[Arrays]:
        """Yield nothing: the parts have no graph in common."""
        return iter(())

    def selected_outputs(self, baseline: Path) -> frozenset[str]:
        """Return all outputs: the function may choose by value, as a decoder its next token."""
        return frozenset(PartsModel.open(baseline).about.outputs)

    def layer_weights(self, model: Path) -> Iterator[np.ndarray]:
        """Yield the weights of the layers of all parts."""
        for part in PartsModel.open(model).parts.values():
            yield from self._analysis.layer_weights(part)

    def saturation(
        self, model: Path, rows: Iterable[Arrays], threads: int, most: int | None
    ) -> SaturationReport:
        """Predict the saturation of each INT8 part on its calls.

        Raises ModelError where no part has a prediction.
        """
        opened = PartsModel.open(model)
        pipeline = load_pipeline(opened, self._engine, RunSettings(threads=threads))
        calls = spread_calls(pipeline, islice(rows, most or _CALLS), most or _CALLS)
        reports: dict[str, SaturationReport] = {}
        fault: ModelError | None = None
        for name, part in opened.parts.items():
            try:
                reports[name] = self._analysis.saturation(part, calls.get(name, []), threads, most)
            except ModelError as error:
                fault = error
        if not reports:
            raise fault or ModelError(f"{model}: has no part")
        return _one_report(reports)

    def _calls(self, baseline: Path, rows: Iterable[Arrays]) -> dict[str, list[Arrays]]:
        model = PartsModel.open(baseline)
        return spread_calls(load_pipeline(model, self._engine, RunSettings()), rows, _CALLS)


def _changed(baseline: Path, candidate: Path) -> Iterator[tuple[str, Path, Path]]:
    """Yield name, part of the baseline and part of the candidate where they differ."""
    parts = PartsModel.open(candidate).parts
    for name, part in PartsModel.open(baseline).parts.items():
        if _differs(part, parts[name]):
            yield name, part, parts[name]


def _differs(one: Path, other: Path) -> bool:
    return model_sha256(one) != model_sha256(other)


def _times(one: Slow, times: float) -> Slow:
    return one.model_copy(
        update={"seconds": one.seconds * times, "baseline_seconds": one.baseline_seconds * times}
    )


def _joined(parts: Mapping[str, Slow]) -> Slow:
    """Return the causes of all parts, their shares being of the time of these parts together."""
    seconds = sum(one.seconds for one in parts.values())
    causes = [
        cause.model_copy(
            update={
                "what": f"{name}: {cause.what}",
                "nodes": tuple(in_part(name, node) for node in cause.nodes),
                "share": cause.share * one.seconds / seconds,
                "fp32_share": cause.fp32_share * one.seconds / seconds,
            }
        )
        for name, one in parts.items()
        for cause in one.causes
    ]
    return Slow(
        seconds=seconds,
        baseline_seconds=sum(one.baseline_seconds for one in parts.values()),
        causes=tuple(sorted(causes, key=lambda cause: cause.fp32_share - cause.share)),
        summary="; ".join(f"{name}: {one.summary}" for name, one in parts.items()),
    )


def _one_report(reports: Mapping[str, SaturationReport]) -> SaturationReport:
    layers = [
        layer.model_copy(update={"name": in_part(name, layer.name)})
        for name, report in reports.items()
        for layer in report.layers
    ]
    return SaturationReport(
        rows=max(report.rows for report in reports.values()),
        at_risk=sum(report.at_risk for report in reports.values()),
        layers=tuple(layers),
        remedy=next(iter(reports.values())).remedy,
    )
