"""A loaded model of parts: calls the user's function, which calls the parts."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.callables import load_callable, user_code
from inc_mlflow.engines.engine import Engine, LoadedModel, RunSettings
from inc_mlflow.engines.fixed_batch import row_count
from inc_mlflow.engines.parts.folder import PartsModel
from inc_mlflow.engines.row_axes import RowAxes
from inc_mlflow.errors import CallableError, ModelError

FIELD = "model.pipeline"
Part = Callable[[Arrays], Arrays]


class Pipeline:
    """The function of the user's and its loaded parts; several threads may call it at once.

    Raises ModelError where the function cannot be loaded.
    """

    def __init__(self, model: PartsModel, parts: Mapping[str, LoadedModel]) -> None:
        self.model, self.outputs = model.path, model.about.outputs
        self._code, self._parts = model.code, parts
        try:
            self._function = load_callable(f"{model.code}:{model.about.function}", Path(), FIELD)
        except CallableError as error:
            raise ModelError(str(error)) from error

    def __call__(self, inputs: Arrays) -> Arrays:
        """Return what the function makes of one batch, rows first.

        Raises ModelError: with file and line where its code fails, with the name of a part that fails.
        """
        return self._run(self._parts, inputs)

    def calls(self, inputs: Arrays) -> dict[str, list[Arrays]]:
        """Run one batch, and return by part what it was called with, in the order of the calls."""
        seen: dict[str, list[Arrays]] = {name: [] for name in self._parts}
        self._run({name: _recorded(part, seen[name]) for name, part in self._parts.items()}, inputs)
        return seen

    def _run(self, parts: Mapping[str, Part], inputs: Arrays) -> Arrays:
        named = _Parts({name: _named(name, part, self._parts[name]) for name, part in parts.items()})
        try:
            with user_code(self._code, FIELD):
                return self._checked(self._function(named, dict(inputs)), row_count(inputs))
        except CallableError as error:
            raise ModelError(str(error)) from error

    def _checked(self, found: Any, rows: int) -> Arrays:
        """Return the declared outputs as arrays; raise ModelError where one is missing or unfit."""
        given = found if isinstance(found, Mapping) else {self.outputs[0]: found}
        if missing := [name for name in self.outputs if name not in given]:
            names = ", ".join(map(str, given))
            raise ModelError(
                f"{FIELD}: returns {names}, not {', '.join(missing)}; "
                f"write what it returns as model.outputs: [{names}]"
            )
        outputs = {name: np.asarray(given[name]) for name in self.outputs}
        for name, value in outputs.items():
            if value.shape[:1] != (rows,) or value.dtype == object:
                raise ModelError(
                    f"{FIELD}: {name!r} has shape {value.shape} and type {value.dtype} for {rows} rows; "
                    "return an array whose first axis is the rows"
                )
        return outputs


class _Parts(dict[str, Part]):
    """The parts by name."""

    def __missing__(self, name: str) -> Part:
        raise ModelError(f"{FIELD}: calls the part {name!r}; the model has {', '.join(self)}")


def load_pipeline(model: PartsModel, engine: Engine, settings: RunSettings) -> Pipeline:
    """Load all parts and the function; raise what the engine's ``load`` raises."""
    return Pipeline(
        model,
        {
            name: engine.load(path, replace(settings, axes=declared_axes(engine, path)))
            for name, path in model.parts.items()
        },
    )


def declared_axes(engine: Engine, part: Path) -> RowAxes:
    """Return axes by which no array is turned: a part is called with arrays as its graph declares them."""
    interface = engine.interface(part)
    inputs = {spec.name: 0 for spec in interface.inputs}
    return RowAxes(inputs, dict.fromkeys(interface.output_names, 0), declared=True)


def calls_of(pipeline: Pipeline, rows: Iterable[Arrays], part: str) -> Iterator[Arrays]:
    """Yield what a part is called with when the rows are run; memory holds the calls of one batch."""
    for inputs in rows:
        yield from pipeline.calls(inputs)[part]


def spread_calls(pipeline: Pipeline, rows: Iterable[Arrays], most: int) -> dict[str, list[Arrays]]:
    """Return at most ``most`` calls of each part, evenly spread, the first and the last among them."""
    seen: dict[str, list[Arrays]] = {}
    for inputs in rows:
        for name, calls in pipeline.calls(inputs).items():
            seen.setdefault(name, []).extend(spread(calls, most))
    return {name: spread(calls, most) for name, calls in seen.items()}


def spread(calls: list[Arrays], most: int) -> list[Arrays]:
    """Return at most ``most`` of the calls, evenly spread, the first and the last among them."""
    places = np.unique(np.linspace(0, len(calls) - 1, min(most, len(calls))).round().astype(int))
    return [calls[place] for place in places]


def _named(name: str, part: Part, loaded: LoadedModel) -> Part:
    """Return a part whose errors name it by its field, not by a file that may be gone."""

    def call(inputs: Arrays) -> Arrays:
        try:
            return part(inputs)
        except ModelError as error:
            text = str(error).removeprefix(f"{loaded.model}: ")
            raise ModelError(f"model.parts.{name}: {text}", error.details) from error

    return call


def _recorded(part: Part, seen: list[Arrays]) -> Part:
    """Return a part that keeps copies of what it is called with: a function may change its arrays later."""

    def call(inputs: Arrays) -> Arrays:
        seen.append({name: np.array(value) for name, value in inputs.items()})
        return part(inputs)

    return call
