"""Modules beside a user's file.

Python itself would put the file's folder before the standard library, so that a ``statistics.py`` there
breaks every library that imports ``statistics``. Here the folder comes last, and for the user's code alone:
libraries look for modules that may be absent, and mean no file of the user's.
"""

import ast
import sys
from collections.abc import Iterator
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType


class _Siblings(MetaPathFinder):
    """Finds the modules of one folder, where a module of that folder asks for them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.modules = folder, set[str]()

    def find_spec(
        self, fullname: str, path: object = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a module is; None where others ask, or it is a part of a package (``path``)."""
        if path is not None or _asking_module() not in self.modules:
            return None
        spec = PathFinder.find_spec(fullname, [str(self.folder)])
        if spec is not None:
            self.modules.add(fullname)
        return spec


def _asking_module() -> str:
    """Return the first part of the name of the module whose code imports something now."""
    frame = sys._getframe(2)
    while frame.f_back is not None and _top_name(frame.f_globals) == "importlib":
        frame = frame.f_back
    return _top_name(frame.f_globals)


def _top_name(module: dict[str, object]) -> str:
    return str(module.get("__name__")).partition(".")[0]


def let_import_siblings(module: str, folder: Path) -> None:
    """Let the code of ``module`` import what is in ``folder``, if nothing else has the name.

    Where code of that name was loaded from another folder, with other modules beside it, it keeps what it has
    imported; from now on the names stand for the modules of this folder.
    """
    for other in (one for one in sys.meta_path if isinstance(one, _Siblings) and one.folder != folder):
        changed = {name for name in other.modules if _differs(name, other.folder, folder)}
        if module in other.modules and changed:
            for name in {module, *changed}:
                other.modules.discard(name)
                sys.modules.pop(name, None)
    known = (one for one in sys.meta_path if isinstance(one, _Siblings) and one.folder == folder)
    if (siblings := next(known, None)) is None:
        siblings = _Siblings(folder)
        sys.meta_path.append(siblings)
    siblings.modules.add(module)


def _differs(module: str, one: Path, other: Path) -> bool:
    """Tell whether both folders have a module of that name, and not the same."""
    texts = [list(_files_of(folder, module))[-1:] for folder in (one, other)]
    return all(texts) and texts[0][0].read_bytes() != texts[1][0].read_bytes()


def code_files(file: Path) -> list[Path]:
    """Return a user's file and the modules beside it that it imports, directly or through each other.

    They are read, not run: an import whose name is made when the code runs is not seen.
    """
    found: set[Path] = set()
    waiting = [file]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += _imported(one, file.parent)
    return sorted(found)


def _imported(file: Path, root: Path) -> Iterator[Path]:
    """Yield the files below ``root`` that the imports of a file may mean; nothing if it is no Python."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return  # whoever imports the file says what is wrong with it
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            places = [(root, name.name) for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = file.parents[node.level - 1] if node.level else root
            places = [(base, f"{node.module or ''}.{name.name}".strip(".")) for name in node.names]
        else:
            continue
        for place, name in places:
            yield from _files_of(place, name)


def _files_of(place: Path, name: str) -> Iterator[Path]:
    """Yield the files of a dotted name: those of its packages, and of the module if the last part is one."""
    for part in name.split("."):
        place = place / part
        yield from (one for one in (place.with_name(f"{part}.py"), place / "__init__.py") if one.is_file())
