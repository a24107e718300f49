"""The published tables, read from the CSV files here as they were printed."""

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from importlib.resources import files

from inc_mlflow.registry.engines import DEFAULT_ENGINE
from inc_mlflow.reports.published.row import ChangeKind, PublishedRow, PublishedTable, StatedChange

ORIGIN = "Intel Neural Compressor, documentation, Validated Models"
"""Where all tables come from; Copyright Intel Corporation, Apache License 2.0."""
HARDWARE = "Intel Xeon Platinum 8480+, 1s4c14ins1bs"
"""What throughputs were measured on; the layout is sockets, cores per instance, instances and batch."""
_FRAMEWORKS = {DEFAULT_ENGINE: "onnx", "pytorch-ipex": "pytorch"}
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_STUDENT = re.compile(r"(?P<values>[\d./]+) (?P<names>\S+)(?: \((?P<gains>[\d./]+) \S+\))?")


def published_rows() -> list[PublishedRow]:
    """Return the rows of all tables, in their order."""
    readers: dict[PublishedTable, Callable[[Mapping[str, str]], PublishedRow]] = {
        "quantization": _quantized,
        "pruning": _pruned,
        "distillation": _distilled,
        "hardware": _on_hardware,
    }
    return [read(line) for table, read in readers.items() for line in _lines(table)]


def _lines(table: PublishedTable) -> Iterator[Mapping[str, str]]:
    text = files(__package__).joinpath(f"{table}.csv").read_text(encoding="utf-8")
    yield from csv.DictReader(text.splitlines())


def _quantized(line: Mapping[str, str]) -> PublishedRow:
    accuracy = _claim(
        "accuracy",
        line["int8_accuracy_pct"],
        line["fp32_accuracy_pct"],
        "percent",
        line["accuracy_ratio_pct"],
    )
    speed = _claim(
        "throughput",
        line["int8_samples_per_s"],
        line["fp32_samples_per_s"],
        "quotient",
        line["performance_ratio"],
    )
    framework = line["framework"]
    return PublishedRow(
        table="quantization",
        model=line["model"],
        source=_FRAMEWORKS.get(framework, framework),
        method=" ".join(filter(None, [line["mode"], line["example"]])),
        dataset="",
        claims=(accuracy, speed),
    )


def _pruned(line: Mapping[str, str]) -> PublishedRow:
    """Read a row such as ``[m, mm] = [84.57, 84.79]``, or ``AP0.50:0.95/AP0.50=0.404/0.6``."""
    names, dense = line["dense_accuracy"].split("=", 1)
    sparse = line["sparse_accuracy"].split("=", 1)[1]
    found = zip(
        re.split(r"[,/]", names.strip(" []")),
        _numbers(dense),
        _numbers(sparse),
        _numbers(line["relative_drop"]),
        strict=False,  # of two metrics some rows state the drop of one
    )
    claims = [
        StatedChange(name.strip(), figure, reference, "percent", drop)
        for name, reference, figure, drop in found
    ]
    method = f"{line['algorithm']}, {line['pattern']} {line['sparsity_pct']} %, {line['balance']}"
    return PublishedRow("pruning", line["model"], "pytorch", method, line["dataset"], tuple(claims))


def _distilled(line: Mapping[str, str]) -> PublishedRow:
    """Read a row such as ``BiLSTM (0.8314 ACC)`` with ``0.9048 ACC (0.0734 ACC)``."""
    student, _, alone = line["student"].rstrip(")").rpartition(" (")
    teacher = line["teacher"].rpartition(" (")[0]
    ways = {"": "student_with_distillation", " distributed": "student_with_distributed_distillation"}
    claims = [claim for word, column in ways.items() for claim in _gains(word, line[column], alone)]
    return PublishedRow(
        "distillation", student, "pytorch", f"taught by {teacher}", line["dataset"], tuple(claims)
    )


def _gains(word: str, taught: str, alone: str) -> Iterator[StatedChange]:
    found = _STUDENT.fullmatch(taught)
    if found is None:  # NA
        return
    names, values = found["names"].split("/"), found["values"].split("/")
    stated, before = found["gains"].split("/"), alone.split(" ")[0].split("/")
    for name, value, gain, reference in zip(names, values, stated, before, strict=True):
        yield _claim(f"{name}{word}", value, reference, "difference", gain)


def _on_hardware(line: Mapping[str, str]) -> PublishedRow:
    others = {
        "AMD c6a": "amd_c6a_cpu_pct",
        "ARM c6g": "arm_c6g_cpu_pct",
        "NVIDIA A100": "nvidia_a100_cuda_pct",
    }
    reference = Decimal(line["intel_c6i_cpu_pct"])
    claims = [
        StatedChange(name, Decimal(line[column]), reference, "percent", None)
        for name, column in others.items()
    ]
    return PublishedRow("hardware", line["model"], "onnx", "ptq", "", tuple(claims))


def _claim(name: str, figure: str, reference: str, kind: ChangeKind, stated: str) -> StatedChange:
    return StatedChange(name, Decimal(figure), Decimal(reference), kind, Decimal(stated))


def _numbers(text: str) -> list[Decimal]:
    return [Decimal(number) for number in _NUMBER.findall(text)]
