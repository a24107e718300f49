"""Print the table of metrics in Markdown, from the metrics themselves.

`make docs` writes it to metrics.md.
"""

from pydantic import BaseModel

from inc_mlflow.registry.metrics import METRICS
from inc_mlflow.registry.postprocess import POSTPROCESS

HEAD = """# Metrics

Made from the program's own tables by `make docs`; do not edit.

```yaml
metric: top1
metric: {name: miou, options: {ignore: 0}}
metric: {name: coco_map, outputs: {boxes: dets, scores: probs}, postprocess: {name: nms, iou_threshold: 0.45}}
```

A metric reads outputs by role. An output with the name of the role is taken, or the only one; else the job says
`output:` or, where there are several roles, `outputs: {role: output}`. With a postprocess the roles are those that it reads.

NaN in outputs is never better than a number: a metric per sample counts the row as wrong, any other becomes NaN, and a model
without a value passes no gate. A metric that labels leave undefined is refused: correlation and AUROC where all labels are the
same, perplexity and error rates where nothing counts, mAP without an object. Correlation with a model that always answers the
same is 0, as is F1 where there is nothing to find; a class that a mean is taken over and that no row has is left out of it.

What a row can lose, and so what few rows can show, the gate takes from the metric's range.

A metric per sample is a mean over rows, and rows are what the gate compares. Any other is computed again on 1,000 resamples of
the rows, from statistics of each row that are kept once; of verification pairs, the pairs are drawn. Resamples whose labels
leave it undefined, as AUROC is where no row of class 1 is drawn, are left out for all models alike, at most 50 of them: with
more the job is refused, for correlation and AUROC before any work, else when the baseline is evaluated. Four rows of the rare
class are about as few as can do. A resample that is NaN by what a model answers is never left out. A callable must give a
number on all of them, since its labels are its own. On 5,000 rows and two
cores that takes seconds, for mAP a minute or two (`tests/benchmarks/metrics.py`).
"""


def options(kind: type[BaseModel]) -> str:
    """Return each option with its default and what it means."""
    return "; ".join(
        f"`{name}`{'' if field.is_required() else f' ({field.default})'} {(field.description or '').rstrip('.')}"
        for name, field in kind.model_fields.items()
    )


def codes(names: tuple[str, ...]) -> str:
    """Return names as code."""
    return ", ".join(f"`{name}`" for name in names)


def row(*cells: str) -> str:
    """Return a row of a table."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def ends(between: tuple[float | None, float | None]) -> str:
    """Return where scores can be."""
    low, high = between
    return f"{low:g} and more" if high is None else f"{low:g} to {high:g}"


def metric(name: str) -> str:
    """Return a metric's row."""
    one, entry = METRICS.get(name), METRICS.row(name)
    return row(
        f"`{name}`",
        entry.summary,
        f"{one.unit}, {'higher' if one.higher_is_better else 'lower'}",
        "sample" if one.decomposable else "split",
        ends(one.score_range),
        codes(one.reads),
        one.labels.words if one.labels else "none",
        options(one),
        codes((entry.extra,) if entry.extra else ()),
    )


def postprocess(name: str) -> str:
    """Return a postprocess's row."""
    one, entry = POSTPROCESS.get(name), POSTPROCESS.row(name)
    return row(
        f"`{name}`",
        entry.summary,
        codes(one.reads),
        codes(one.gives),
        options(one),
        codes((entry.extra,) if entry.extra else ()),
    )


def main() -> None:
    """Print both tables."""
    print(HEAD)
    print(row("metric", "what", "unit, better", "per", "range", "reads", "labels", "options", "extra"))
    print("|---" * 9 + "|")
    print("\n".join(metric(name) for name in METRICS))
    print("\n## Postprocess\n")
    print(row("postprocess", "what", "reads", "gives", "options", "extra"))
    print("|---" * 6 + "|")
    print("\n".join(postprocess(name) for name in POSTPROCESS))


if __name__ == "__main__":
    main()
