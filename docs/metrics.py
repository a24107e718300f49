"""Print the tables of metrics, post-processing and data formats in Markdown, from the registries.

`make docs` writes it to metrics.md.
"""

from pydantic import BaseModel

from inc_mlflow.registry.datasets import DATASETS
from inc_mlflow.registry.metrics import METRICS
from inc_mlflow.registry.postprocess import POSTPROCESS

HEAD = """# Metrics, post-processing and data formats

Made from the program's own tables by `make docs`; do not edit. An installed package can add entries to each
of them, see [CONTRIBUTING](../CONTRIBUTING.md#add-a-metric).

```yaml
metric: top1
metric: {name: miou, options: {ignore: 0}}
metric: {name: coco_map, outputs: {boxes: dets, scores: probs}, postprocess: {name: nms, iou_threshold: 0.45}}
```

A metric reads outputs by role. It takes the output with the name of the role, or the only output there is.
Otherwise the job says `output:` or, where there are several roles, `outputs: {role: output}`. With a
post-processing the roles are those that it reads.

NaN in outputs never raises a value. A metric per sample counts the row as wrong. Any other metric becomes
NaN, and a model without a value passes no gate.

A metric that the labels leave undefined is refused: correlation and AUROC where all labels are the same,
perplexity and error rates where no token or word counts, mAP without an object. Correlation with a model
that always answers the same is 0, as is F1 where there is nothing to find. A mean over classes leaves out a
class that no row has.

The gate takes from the metric's range what a row can lose, and so what few rows can show.

## Resampling

A metric per sample is a mean over rows, and the gate compares rows. Any other metric is computed again on
1,000 resamples, from statistics that are kept once for each row. Resampled are the rows; of `verification`,
the pairs.

The labels of a resample can leave the metric undefined, as for AUROC where no row of class 1 is drawn. Such
a resample is left out for all models alike. More than 50 of them refuse the job: before any work for
correlation and AUROC, else when the baseline is evaluated. About four rows of the rare class are enough. A
resample that is NaN because of a model's answers is never left out.

A callable must give a number on every resample, since only it knows its labels. On 5,000 rows and two cores
resampling takes seconds, for mAP a minute or two (`tests/benchmarks/metrics.py`).

## Metrics
"""


def options(kind: type[BaseModel]) -> str:
    """Return each option with its default and what it means."""
    found = []
    for name, field in kind.model_fields.items():
        default = "" if field.is_required() else f" ({field.default})"
        found.append(f"`{name}`{default} {(field.description or '').rstrip('.')}")
    return "; ".join(found)


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
    one, entry = METRICS.get(name), METRICS.entry(name)
    return row(
        f"`{name}`",
        entry.summary,
        f"{one.unit}, {'higher' if one.higher_is_better else 'lower'}",
        "sample" if one.decomposable else "split",
        ends(one.score_range),
        codes(one.reads),
        one.labels.description if one.labels else "none",
        options(one),
        codes((entry.extra,) if entry.extra else ()),
    )


def postprocess(name: str) -> str:
    """Return a postprocess's row."""
    one, entry = POSTPROCESS.get(name), POSTPROCESS.entry(name)
    return row(
        f"`{name}`",
        entry.summary,
        codes(one.reads),
        codes(one.gives),
        options(one),
        codes((entry.extra,) if entry.extra else ()),
    )


def dataset(name: str) -> str:
    """Return a data format's row."""
    entry, kind = DATASETS.entry(name), DATASETS.options(name)
    suffixes = ["a folder" if suffix == "/" else f"`{suffix}`" for suffix in entry.suffixes]
    return row(
        f"`{name}`",
        entry.summary,
        ", ".join(suffixes),
        options(kind) if kind else "",
        codes((entry.extra,) if entry.extra else ()),
    )


def main() -> None:
    """Print all tables."""
    print(HEAD)
    print(row("metric", "what", "unit, better", "per", "range", "reads", "labels", "options", "extra"))
    print("|---" * 9 + "|")
    print("\n".join(metric(name) for name in METRICS))
    print("\n## Post-processing\n")
    print(row("postprocess", "what", "reads", "gives", "options", "extra"))
    print("|---" * 6 + "|")
    print("\n".join(postprocess(name) for name in POSTPROCESS))
    print("\n## Data formats\n\nThe options are those of `transform` in a split.\n")
    print(row("format", "what", "by default for", "options", "extra"))
    print("|---" * 5 + "|")
    print("\n".join(dataset(name) for name in DATASETS))


if __name__ == "__main__":
    main()
