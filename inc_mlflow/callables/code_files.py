"""What a user's code consists of: its file and the modules beside it that it imports."""

import ast
from collections.abc import Iterator
from pathlib import Path


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
