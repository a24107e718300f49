"""The gate on Intel's published table of one INT8 model on four kinds of hardware, as if Intel were the baseline.

Source: Intel Neural Compressor's validated models, ONNX models on multiple hardware (see NOTICE). No pairs
are published, so the fewest disagreements that give the published values are assumed, which is kindest to a
difference being real.
"""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from inc_mlflow.measure.gate.judge import judge
from inc_mlflow.records import BASELINE
from inc_mlflow.reports import published as published_tables
from inc_mlflow.spec import GateSpec
from tests.support.gate_measurements import FAST, found, model

TABLE = Path(published_tables.__file__).with_name("hardware.csv")
INTEL, AMD, ARM, A100 = "intel_c6i_cpu_pct", "amd_c6a_cpu_pct", "arm_c6g_cpu_pct", "nvidia_a100_cuda_pct"
MRPC, IMAGENET = 408, 50_000
"""Rows of the validation splits; published MRPC values are multiples of 1/408."""


def published():
    with TABLE.open(newline="") as file:
        return [
            row for row in csv.DictReader(file) if not row["model"].startswith("SSD")
        ]  # mAP is not right or wrong per row


def split(name):
    return MRPC if "MRPC" in name or name == "BERT-base" else IMAGENET


def verdict(row, hardware):
    rows = split(row["model"])
    counts = [round(float(row[column]) / 100 * rows) for column in (INTEL, hardware)]
    right = (np.r_[np.ones(count), np.zeros(rows - count)] for count in counts)
    outcomes = dict(zip((BASELINE, "int8"), right, strict=True))
    record = judge(
        [model(label) for label in outcomes], {"local": found(outcomes, {"int8": FAST})}, GateSpec()
    )
    return record.verdict


def replay(hardware):
    return {row["model"]: verdict(row, hardware) for row in published()}


def test_the_published_values_are_multiples_of_one_row():
    for row in published():
        if split(row["model"]) == MRPC:
            for column in (INTEL, AMD, ARM, A100):
                rows = float(row[column]) / 100 * MRPC
                assert rows == pytest.approx(round(rows), abs=0.03)


def test_amd_without_vnni_fails_all_but_what_too_few_rows_cannot_decide():
    found = replay(AMD)
    assert Counter(found.values()) == {"fail": 16, "inconclusive": 3, "pass": 1}
    assert {name for name, one in found.items() if one == "inconclusive"} == {
        "BERT-base",
        "Mobile bert MRPC",
        "DistilBERT base MRPC",
    }
    assert found["Roberta base MRPC"] == "pass"


def test_arm_passes_all():
    assert Counter(replay(ARM).values()) == {"pass": 20}
