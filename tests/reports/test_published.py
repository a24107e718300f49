"""What Intel published: read without loss, checked by its own arithmetic, found by name."""

import csv
from decimal import Decimal
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.reports import published
from inc_mlflow.reports.published.nearest import nearest
from inc_mlflow.reports.published.row import PublishedRow, StatedChange
from inc_mlflow.reports.published.tables import published_rows

ROWS = {"quantization": 167, "pruning": 32, "distillation": 10, "hardware": 23}


def row(model):
    return PublishedRow("quantization", model, "onnx", "ptq qdq", "", ())


@pytest.mark.parametrize("table", ROWS)
def test_each_line_is_a_row(table):
    with files(published).joinpath(f"{table}.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == ROWS[table]
    rows = [one for one in published_rows() if one.table == table]
    assert len(rows) == ROWS[table]
    assert all(one.claims for one in rows)


@pytest.mark.parametrize(
    ("model", "claims"),
    [
        ("BiLSTM", [("ACC", ".9048", ".8314", ".0734")]),
        ("TinyBERT", [("m", ".8025", ".8018", ".0007"), ("mm", ".8074", ".8044", ".0030")]),
        (
            "MobileNetV2-0.35",
            [("ACC", ".8178", ".7965", ".0213"), ("ACC distributed", ".8235", ".7965", ".027")],
        ),
        ("YOLO-v5s6", [("AP0.50:0.95", ".393", ".404", "-2.72")]),
    ],
)
def test_values_of_several_metrics_keep_their_names(model, claims):
    (found,) = [one for one in published_rows() if one.model == model and one.table != "quantization"]
    assert [(one.name, one.figure, one.reference, one.stated) for one in found.claims] == [
        (name, *map(Decimal, numbers)) for name, *numbers in claims
    ]


def test_two_published_ratios_do_not_come_of_their_parts():
    wrong = [
        (one.model, claim.stated) for one in published_rows() for claim in one.claims if not claim.adds_up
    ]
    assert wrong == [("ResNet50", Decimal("-1.43")), ("Bert-Large", Decimal("-0.07"))]


@given(
    figure=st.decimals(1, 100, allow_nan=False, places=5),
    reference=st.decimals(1, 100, allow_nan=False, places=5),
    kind=st.sampled_from(["percent", "difference", "quotient"]),
)
def test_what_was_rounded_honestly_adds_up_and_what_is_off_by_its_size_does_not(figure, reference, kind):
    exact = StatedChange("f1", figure, reference, kind, None).computed
    printed = [round(number, 2) for number in (figure, reference, exact)]
    assert StatedChange("f1", printed[0], printed[1], kind, printed[2]).adds_up
    assert not StatedChange("f1", printed[0], printed[1], kind, printed[2] + 3 + abs(exact)).adds_up


def test_spelling_does_not_count():
    rows = [row("ResNet50 V1.5"), row("ResNet50"), row("ResNet18"), row("MobileNet V2")]
    assert [one.model for one in nearest("models/resnet50-v1-5.onnx", rows)] == [
        "ResNet50 V1.5",
        "ResNet50",
        "ResNet18",
    ]


@pytest.mark.parametrize("name", ["", "model.onnx", "base-large-v2", "fp32"])
def test_a_name_without_a_family_is_like_none(name):
    assert nearest(name, published_rows()) == []
