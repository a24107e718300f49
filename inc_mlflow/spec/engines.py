"""The engines of a job: those that it names, or all that take its source; and the engine of each recipe."""

from collections.abc import Mapping, Sequence
from typing import Any

from inc_mlflow.errors import MissingExtraError
from inc_mlflow.registry import did_you_mean
from inc_mlflow.registry.engines import DEFAULT_ENGINE, ENGINES, PARTS
from inc_mlflow.registry.methods import CHAIN, engine_of
from inc_mlflow.spec.chain import with_chain
from inc_mlflow.spec.parts import has_parts, parts_job
from inc_mlflow.spec.source import CONVERTED, source_kind

_AUTO = "auto"
_ANY_OF_PARTS = (_AUTO, [DEFAULT_ENGINE], [PARTS])
"""What a job of several graphs may say of engines: the default engine runs each part."""


def with_engines(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a job's data with names of engines for ``auto``, and an engine in each recipe without one."""
    if has_parts(data.get("model")) and data.get("engines", _AUTO) in _ANY_OF_PARTS:
        data = parts_job(data)
    engines = data.get("engines", [DEFAULT_ENGINE])
    if engines == _AUTO:
        several = (name for name in ENGINES if name != PARTS)
        engines = [name for name in several if takes(name, data.get("model"))] or [DEFAULT_ENGINE]
    recipes = data.get("recipes")
    if isinstance(recipes, Sequence) and not isinstance(recipes, str) and isinstance(engines, Sequence):
        recipes = [_with_engines(with_chain(recipe, engines), engines) for recipe in recipes]
    return {**data, "engines": engines} | ({"recipes": recipes} if "recipes" in data else {})


def check_engines(engines: tuple[str, ...]) -> tuple[str, ...]:
    """Return the engines.

    Raises ValueError where one is unknown or listed twice, MissingExtraError where its package is missing.
    """
    for name in engines:
        if name not in ENGINES:
            raise ValueError(f"no {name!r}{did_you_mean(name, ENGINES)}; there are {', '.join(ENGINES)}")
        if engines.count(name) > 1:
            raise ValueError(f"{name!r} stands twice; keep one")
        ENGINES.check_packages(name)
    return engines


def takes(engine: str, source: object) -> bool:
    """Tell whether an engine is installed and takes a source of that name."""
    try:
        ENGINES.check_packages(engine)
        ENGINES.get(engine).check_source(CONVERTED if source_kind(source) else str(source))
    except (MissingExtraError, ValueError):
        return False
    return True


def _with_engines(recipe: Any, engines: Sequence[str]) -> Any:
    """Name the engine of a recipe, and of each recipe of a chain."""
    if isinstance(recipe, Mapping) and recipe.get("method") == CHAIN:
        inside = recipe.get("recipes")
        if isinstance(inside, Sequence) and not isinstance(inside, str):
            return {**recipe, "recipes": [_with_engine(one, engines) for one in inside]}
    return _with_engine(recipe, engines)


def _with_engine(recipe: Any, engines: Sequence[str]) -> Any:
    if not isinstance(recipe, Mapping) or recipe.get("engine") is not None or "method" not in recipe:
        return recipe
    engine = engine_of(str(recipe["method"]), engines)
    return recipe if engine is None else {"engine": engine, **recipe}
