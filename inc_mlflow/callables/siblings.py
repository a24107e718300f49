"""Modules beside a user's file.

Python itself would put the file's folder before the standard library, so that a ``statistics.py`` there
breaks every library that imports ``statistics``. Here the folder comes last, and for the user's code alone:
libraries look for modules that may be absent, and mean no file of the user's.

Python keeps one module of a name, whoever asks for it, so two folders may not have different ones.
"""

import ast
import sys
from collections.abc import Iterator
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from inc_mlflow.errors import CallableError


class _Siblings(MetaPathFinder):
    """Finds the modules of one folder, where a module of that folder asks for them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.modules = folder, set[str]()
        self.files: set[Path] = set()
        """What the code of the folder imports from it, relative to it."""

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


def let_import_siblings(module: str, file: Path, where: str) -> None:
    """Let ``module``, the code of a file, import what is beside it, if nothing else has the name.

    Raises CallableError that begins with ``where`` if code of another folder imports another file by the
    same name: one of the two would get that of the other.
    """
    folder = file.parent
    files = {one.relative_to(folder) for one in code_files(file) if one != file}
    known = [one for one in sys.meta_path if isinstance(one, _Siblings)]
    for other in known:
        _check_same(other, folder, files, where)
    if (siblings := next((one for one in known if one.folder == folder), None)) is None:
        siblings = _Siblings(folder)
        sys.meta_path.append(siblings)
    siblings.modules.add(module)
    siblings.files |= files


def _check_same(other: _Siblings, folder: Path, files: set[Path], where: str) -> None:
    shared = {_module_name(one) for one in files} & {_module_name(one) for one in other.files}
    for file in sorted(files | other.files):
        name = _module_name(file)
        if name in shared and not _same_file(folder / file, other.folder / file) and not _comes_first(name):
            raise CallableError(
                f"{where}: its code imports {name!r}, and so does a file in {other.folder}, where that is "
                f"other code; rename one of the two, or put both files into one folder"
            )


def _module_name(file: Path) -> str:
    """Return the first part of the name by which a file is imported."""
    return file.parts[0].removesuffix(".py")


def _same_file(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and one.read_bytes() == other.read_bytes()


def _comes_first(name: str) -> bool:
    """Tell whether Python finds a module of this name before it looks beside the user's files."""
    return name in sys.stdlib_module_names or PathFinder.find_spec(name) is not None


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
