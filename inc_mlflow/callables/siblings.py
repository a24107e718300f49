"""Modules beside a user's file.

Python itself would put the file's folder before the standard library, so that a ``statistics.py`` there
breaks every library that imports ``statistics``. Here the folder comes last, and for the user's code alone:
libraries look for modules that may be absent, and mean no file of the user's.

Python keeps one module of a name, whoever asks for it. Each folder has a package of its own name, and its
modules are in that, so two folders may have different modules of one name, as two versions of a model do.
"""

import builtins
import hashlib
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import find_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

_PACKAGE = "inc_mlflow_user_"
"""How the names of all folders' packages begin."""


class _Code(SourceFileLoader):
    """Runs a file of the user's, whose imports find what is beside it."""

    def exec_module(self, module: ModuleType) -> None:
        """Give the module an import of its own: that is what Python looks up for an import statement."""
        package = module.__name__.partition(".")[0]

        def imported(name: str, *arguments: Any, **options: Any) -> ModuleType:
            return _imported(package, name, *arguments, **options)

        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": imported}
        super().exec_module(module)


class _Finder(MetaPathFinder):
    """Finds the modules of all folders' packages."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a module of a folder is; None for all other modules."""
        if not fullname.startswith(_PACKAGE):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Code(spec.loader.name, spec.loader.path)
        return spec


def spec_beside(file: Path) -> ModuleSpec | None:
    """Return what runs a file so that it can import what is beside it; None where it is no Python file."""
    name = f"{_package(file.parent)}.{file.stem}"
    return (
        spec_from_file_location(name, file, loader=_Code(name, str(file))) if file.suffix == ".py" else None
    )


def _package(folder: Path) -> str:
    """Return the name of a folder's package, which Python can import from then on."""
    name = _PACKAGE + hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    if name not in sys.modules:
        package = ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package
    if not any(isinstance(one, _Finder) for one in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    return name


def _imported(
    package: str,
    name: str,
    names: Mapping[str, object] | None = None,
    local: Mapping[str, object] | None = None,
    fromlist: Sequence[str] = (),
    level: int = 0,
) -> ModuleType:
    """Do what ``__import__`` does, with the modules of ``package`` for names that nothing else has."""
    top = name.partition(".")[0]
    if level or _is_elsewhere(top) or find_spec(f"{package}.{top}") is None:
        return builtins.__import__(name, names, local, fromlist, level)
    if fromlist:
        return builtins.__import__(f"{package}.{name}", names, local, fromlist)
    import_module(f"{package}.{name}")
    return sys.modules[f"{package}.{top}"]  # an import statement binds the first part of the name


def _is_elsewhere(top: str) -> bool:
    """Tell whether Python finds a module of this name without the user's files."""
    return top in sys.modules or find_spec(top) is not None
