"""Python reads this file at its start where ``tests.support.at_start_of_programs`` puts its folder on the path.

Modules get other values for constants, named in the environment as {module: {constant: value}}. SQLite does not
wait until the disk has what it commits: only a power cut would show, and no test cuts the power.
"""

import json
import os
import sys
from contextlib import suppress
from importlib.machinery import ModuleSpec, PathFinder

CONSTANTS = json.loads(os.environ.get("TESTS_CHANGED_CONSTANTS", "{}"))
SQLITE = "sqlite3.dbapi2"


class Changed(PathFinder):
    """Finds the modules that change, before those that find all others."""

    @classmethod
    def find_spec(cls, fullname, path=None, target=None) -> ModuleSpec | None:
        changed = fullname in CONSTANTS or fullname == SQLITE
        found = super().find_spec(fullname, path, target) if changed else None
        if found is None:
            return None
        run = found.loader.exec_module

        def run_and_change(module):
            run(module)
            if fullname == SQLITE:
                without_waits(module)
            values = CONSTANTS.get(fullname, {})
            assert values.keys() <= vars(module).keys(), f"{fullname} has no constants {list(values)}"
            vars(module).update(values)

        found.loader.exec_module = run_and_change
        return found


def without_waits(sqlite):
    connect = sqlite.connect

    def quick(*arguments, **options):
        connection = connect(*arguments, **options)
        with suppress(sqlite.Error):  # of a file that is no database, which the caller is told when it reads
            connection.execute("PRAGMA synchronous = OFF")
        return connection

    sqlite.connect = quick


sys.meta_path.insert(0, Changed)
