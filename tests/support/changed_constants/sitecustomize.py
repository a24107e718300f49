"""Python reads this file at its start where ``tests.support.brief_benchmarks`` puts its folder on the path.

Modules get other values for constants, named in the environment as {module: {constant: value}}.
"""

import json
import os
import sys
from importlib.machinery import ModuleSpec, PathFinder

CHANGED = json.loads(os.environ.get("TESTS_CHANGED_CONSTANTS", "{}"))


class Changed(PathFinder):
    """Finds the modules whose constants change, before those that find all others."""

    @classmethod
    def find_spec(cls, fullname, path=None, target=None) -> ModuleSpec | None:
        found = super().find_spec(fullname, path, target) if fullname in CHANGED else None
        if found is None:
            return None
        run = found.loader.exec_module

        def run_and_change(module):
            run(module)
            values = CHANGED[fullname]
            assert values.keys() <= vars(module).keys(), f"{fullname} has no constants {list(values)}"
            vars(module).update(values)

        found.loader.exec_module = run_and_change
        return found


sys.meta_path.insert(0, Changed)
