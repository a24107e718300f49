"""HTML elements as a tree of the standard library, which escapes every text and attribute."""

from xml.etree import ElementTree as Tree

from inc_mlflow.errors import one_line
from inc_mlflow.reports.page.grid import (
    NOTHING,
    Cell,
    Estimate,
    ExactNumber,
    Grid,
    Judged,
    cell_text,
)


def element(tag: str, *children: Tree.Element | str, **attributes: str) -> Tree.Element:
    """Return an element; underscores at the end of an attribute's name are left out, others are hyphens."""
    made = Tree.Element(tag, {name.rstrip("_").replace("_", "-"): text for name, text in attributes.items()})
    for child in children:
        if not isinstance(child, str):
            made.append(child)
        elif len(made):
            made[-1].tail = (made[-1].tail or "") + child
        else:
            made.text = (made.text or "") + child
    return made


def scrolling(inner: Tree.Element, name: str) -> Tree.Element:
    """Return a region that scrolls by itself where it is wider than the page, also by the keyboard."""
    return element("div", inner, class_="wide", role="region", aria_label=name, tabindex="0")


def grid_element(grid: Grid) -> Tree.Element:
    """Return a table whose headers say what they are the headers of."""
    names = [element("th", name, scope="col", class_=_kind(grid, at)) for at, name in enumerate(grid.headers)]
    head = [element("tr", *_groups(grid))] if grid.groups else []
    head.append(element("tr", *names))
    rows = [element("tr", *(_cell(at, cell) for at, cell in enumerate(row))) for row in grid.rows]
    caption = element("caption", grid.caption)
    table = element("table", caption, element("thead", *head), element("tbody", *rows))
    return scrolling(table, grid.caption)


def _groups(grid: Grid) -> list[Tree.Element]:
    return [
        element("th", name, scope="colgroup", colspan=str(columns), class_="group")
        if name
        else element("td", colspan=str(columns))
        for name, columns in grid.groups
    ]


def _kind(grid: Grid, column: int) -> str:
    """Return `number` for columns of numbers, whose headers stand above the digits."""
    cells = [row[column] for row in grid.rows]
    return "number" if any(isinstance(cell, Estimate | ExactNumber) for cell in cells) else "text"


def _cell(column: int, cell: Cell) -> Tree.Element:
    if column == 0:
        return element("th", cell_text(cell), scope="row")
    match cell:
        case None:
            return element("td", NOTHING, class_="nothing")
        case Estimate():
            return element("td", *_estimate(cell), class_="number")
        case ExactNumber():
            return element("td", _data(cell.value, cell.text), class_="number")
        case Judged():
            return element("td", badge(cell))
        case tuple():
            return element("td", *(element("div", one_line(line)) for line in cell))
    return element("td", cell_text(cell))


def badge(judged: Judged) -> Tree.Element:
    """Return the verdict as a word in its colour."""
    return element("span", judged.verdict, class_=f"verdict {judged.verdict}")


def _estimate(cell: Estimate) -> list[Tree.Element | str]:
    """Return the value and, smaller, its bounds; each is a number with all its digits."""
    value, low, high = cell.interval.value, cell.interval.low, cell.interval.high
    shown = _data(value, cell.show(value))
    if low == high:
        return [shown]
    bounds = [_data(end, cell.show(end).rstrip(" %x")) for end in (low, high)]
    return [shown, " ", element("span", "[", bounds[0], ",\u00a0", bounds[1], "]", class_="bounds")]


def _data(value: float, text: str) -> Tree.Element:
    return element("data", text.replace(" ", "\u00a0"), value=repr(value))
