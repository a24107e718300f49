"""What `mkdocs.yml` does to pages: README and other files beside docs/ are pages too, and links lead there.

A link to a file that is no page, as one of code, becomes its text: the site has no copy of the repository.
"""

import re
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BESIDE = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "k8s/README.md": "k8s.md"}
"""File of the repository -> page of the site."""
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)")
_BLOCK = re.compile(r"(^ *```.*?^ *```$)", re.DOTALL | re.MULTILINE)
_PICTURE = re.compile(r"(!\[[^\]]*\])\(docs/([^)\s]+)\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages beside docs/."""
    from mkdocs.structure.files import File

    for source, page in BESIDE.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return a page with links of the site."""
    sources = {name: source for source, name in BESIDE.items()}
    return with_links(markdown, sources.get(page.file.src_uri, f"docs/{page.file.src_uri}"))


def with_links(markdown: str, source: str) -> str:
    """Return the text of a file of the repository with links of the site."""
    folder = PurePosixPath(source).parent

    def link(found: re.Match[str]) -> str:
        text, path, anchor = found[1], normpath(folder / found[2]), found[3] or ""
        target = BESIDE.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else None)
        return f"[{text}]({target}{anchor})" if target else text

    parts = _BLOCK.split(markdown)  # every second one is a block of code, which stays as it is
    parts[::2] = (_LINK.sub(link, _PICTURE.sub(r"\1(\2)", part)) for part in parts[::2])
    return "".join(parts)
