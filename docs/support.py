"""Print which source every method of every engine takes, in Markdown, from the registries.

`make docs` writes it to support.md.
"""

from inc_mlflow.registry.engines import ENGINES, PARTS, EngineEntry
from inc_mlflow.registry.methods import METHODS, sources_of
from inc_mlflow.registry.sources import SOURCES
from inc_mlflow.registry.table import Entry
from inc_mlflow.spec.source import CONVERTED

HEAD = """# What works with what

Made from the program's own tables by `make docs`; do not edit. An installed package can add rows, which
`inc-mlflow list sources`, `list engines` and `list methods` then show.

A source is the model as you have it, an engine runs it and makes INT8 models of it, a method is one way to
do so. Whether a method helps a given model is not in these tables: that is measured, see [The gate](gate.md).
"""


def own_sources() -> dict[str, str]:
    """Return the kinds of models that engines take as they are, with what they are."""
    entries = [ENGINES.entry(name) for name in ENGINES]
    return {
        kind: text
        for one in entries
        if isinstance(one, EngineEntry)
        for kind, text in one.own_sources.items()
    }


def kinds() -> dict[str, str]:
    """Return all kinds of sources, with what they are: engines' own, frameworks', and several graphs."""
    frameworks = {name: SOURCES.entry(name).summary for name in SOURCES}
    return own_sources() | frameworks | {PARTS: ENGINES.entry(PARTS).summary}


def takes(engine: str, method: str, kind: str) -> bool:
    """Tell whether a method of an engine takes a kind of source, as the check of a job tells it."""
    if (engine == PARTS) != (kind == PARTS):
        return False
    changed = sources_of(f"{engine}.{method}")
    if changed and kind not in changed:
        return False
    return kind == PARTS or is_opened(engine, kind)


def is_opened(engine: str, kind: str) -> bool:
    """Tell whether an engine takes what becomes of a kind of source: ONNX where a framework made it."""
    engine_of_it = ENGINES.get(engine)  # not inside: a package that is missing here is no answer
    try:
        engine_of_it.check_source(CONVERTED if kind in SOURCES else f"model.{kind}")
    except ValueError:
        return False
    return True


def packages(entry: Entry) -> str:
    """Return what to install for an entry."""
    return f"`inc-mlflow[{entry.extra}]`" if entry.extra else "`inc-mlflow`"


def table(engine: str) -> list[str]:
    """Return the table of an engine: a row for each method, a column for each source."""
    columns = list(kinds())
    lines = [
        f"\n## Engine `{engine}`\n\n{ENGINES.entry(engine).summary}\n",
        f"| method | {' | '.join(f'`{kind}`' for kind in columns)} | install | what it does |",
        f"|---|{'---|' * len(columns)}---|---|",
    ]
    for name in METHODS:
        of, method = name.split(".", 1)
        if of == engine:
            cells = ["yes" if takes(engine, method, kind) else "no" for kind in columns]
            entry = METHODS.entry(name)
            lines.append(f"| `{method}` | {' | '.join(cells)} | {packages(entry)} | {entry.summary} |")
    return lines


def main() -> None:
    """Print the page."""
    print(HEAD)
    print("## Sources\n\n| source | what it is | install |\n|---|---|---|")
    for kind, summary in kinds().items():
        extra = packages(SOURCES.entry(kind)) if kind in SOURCES else "`inc-mlflow`"
        print(f"| `{kind}` | {summary} | {extra} |")
    for engine in ENGINES:
        print("\n".join(table(engine)))


if __name__ == "__main__":
    main()
