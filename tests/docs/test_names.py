"""A public noun has one meaning in the whole program: no two modules define a class of the same name.

In an engine the same holds for functions and constants.
"""

import ast
from collections import defaultdict

import pytest

from inc_mlflow.registry.engines import ENGINES
from tests.support.paths import ROOT

FOLDERS = ("inc_mlflow", "components", "pipelines")
SAME_THING = {
    "Toleration": "Kubernetes' own word: what a pool asks for, and what a pod has",
    "Pool": "the pool of a job, and options of commands that name one",
    "Reason": "why: options of commands, each with its own help",
}
"""Names that stand twice, for one thing."""
ROLES = {"METHOD"}
"""Names that a table of entries looks for in each module."""


def public_names(path):
    """Yield what a module defines for others."""
    for node in ast.parse(path.read_text()).body:
        targets = node.targets if isinstance(node, ast.Assign) else [node]
        for target in targets:
            name = target.id if isinstance(target, ast.Name) else getattr(target, "name", "")
            if name and not name.startswith("_"):
                yield name


def nouns(path):
    """Yield the public classes and type aliases of a module; constants are in capitals."""
    return (name for name in public_names(path) if name[0].isupper() and not name.isupper())


def test_a_public_noun_is_defined_once():
    places = defaultdict(set)
    for path in {path.resolve() for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")}:
        for name in nouns(path):
            places[name].add(str(path.relative_to(ROOT)))
    assert len(places) > 100
    twice = {name: sorted(found) for name, found in places.items() if len(found) > 1}
    assert {name: found for name, found in twice.items() if name not in SAME_THING} == {}
    assert twice.keys() >= SAME_THING.keys()


@pytest.mark.parametrize("engine", list(ENGINES))
def test_an_engine_has_one_function_and_one_constant_of_a_name(engine):
    places = defaultdict(set)
    for path in (ROOT / "inc_mlflow" / "engines" / engine).rglob("*.py"):
        for name in public_names(path):
            places[name].add(str(path.relative_to(ROOT)))
    assert len(places) > 10
    twice = {name: sorted(found) for name, found in places.items() if len(found) > 1}
    assert {name: found for name, found in twice.items() if name not in ROLES} == {}
