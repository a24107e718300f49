"""Formats of data: where rows come from. A target is a ``Reader`` of datasets/source.py."""

from typing import TYPE_CHECKING

from inc_mlflow.registry.table import Entry, Registry

if TYPE_CHECKING:
    from inc_mlflow.datasets.source import Reader

DATASETS: "Registry[Reader]" = Registry(
    "datasets",
    {
        "npz": Entry(
            "inc_mlflow.datasets.npz:read",
            "an .npz with one array per graph input and one of labels",
            suffixes=(".npz",),
        ),
        "images": Entry(
            "inc_mlflow.datasets.images:read",
            "a folder with one folder of images per class",
            extra="vision",
            options="inc_mlflow.spec.transform:ImageTransform",
            suffixes=("/",),
        ),
        "text": Entry(
            "inc_mlflow.datasets.text:read",
            "a .tsv or .csv with a header, tokenised by a tokenizer.json",
            extra="text",
            options="inc_mlflow.spec.transform:TextTransform",
            files=("tokenizer",),
            suffixes=(".tsv", ".csv"),
        ),
    },
)
