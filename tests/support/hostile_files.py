"""Hostile requests: digests and seals fit together, and what they seal harms whoever reads it."""

import io
import json
import os
import zipfile
from functools import partial

import numpy as np
from onnx import TensorProto, helper

from inc_mlflow.files import sha256_file
from inc_mlflow.measure.gate.measurements import OUTCOMES
from inc_mlflow.records import BASELINE, EvaluationRecord
from inc_mlflow.records.sealed_arrays import load_raw, save_raw

JOB, RECORD = "job.json", "evaluation-local/record.json"
RAW = f"evaluation-local/{OUTCOMES}"
ALIASES = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefghi", "bcdefghij", strict=True)
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{new}: &{new} {{<<: [{','.join([f'*{old}'] * 9)}]}}\n"
    for old, new in zip("abcdefghi", "bcdefghij", strict=True)
)
KEYS = "{" + ",".join(f'"k{number}":0' for number in range(60_000)) + "}"


class Pickled:
    """Leaves a trace where it is loaded."""

    def __reduce__(self):
        return os.system, ("touch /tmp/inc-mlflow-was-here",)


def text(name, content):
    return lambda evidence: (evidence / name).write_text(content)


def member(name, content):
    """Exchange one array of the outcomes, and seal it again."""

    def change(evidence):
        kept = io.BytesIO()
        with (
            zipfile.ZipFile(evidence / RAW) as before,
            zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as after,
        ):
            for info in before.infolist():
                after.writestr(info.filename, content() if info.filename == name else before.read(info))
        raw(lambda _: kept.getvalue())(evidence)

    return change


def raw(change):
    """Exchange the bytes of the outcomes, and write their digest into the record."""

    def inner(evidence):
        file = evidence / RAW
        file.write_bytes(change(file.read_bytes()))
        fields = json.loads((evidence / RECORD).read_text()) | {"outcomes_sha256": sha256_file(file)}
        (evidence / RECORD).write_text(json.dumps(fields))

    return inner


def npy(head):
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head


def shaped(shape):
    kept = io.BytesIO()
    np.lib.format.write_array_header_1_0(kept, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return kept.getvalue()


def pickled():
    kept = io.BytesIO()
    np.lib.format.write_array(kept, np.array([Pickled()], object), allow_pickle=True)
    return kept.getvalue()


def scores(value):
    """Claim a score of every row and model, with the values that follow from it."""

    def change(evidence):
        folder = evidence / "evaluation-local"
        record = EvaluationRecord.load(folder)
        arrays = load_raw(folder / OUTCOMES, record, record.outcomes_sha256)
        arrays |= {label: np.full(record.rows, value) for label in record.results}
        results = {label: one.model_copy(update={"value": value}) for label, one in record.results.items()}
        record = record.model_copy(update={"results": results})
        record.model_copy(update={"outcomes_sha256": save_raw(folder / OUTCOMES, record, arrays)}).save(
            folder
        )

    return change


def fields(**changes):
    """Write fields into a record as they stand, whether JSON has such values or not."""

    def change(evidence):
        whole = (evidence / RECORD).read_text()
        more = ",".join(f'"{name}":{value}' for name, value in changes.items())
        (evidence / RECORD).write_text(f"{whole.strip()[:-1]},{more}}}")

    return change


def labels(evidence):
    """Say that there were as many models as fit into a record."""
    file = evidence / RECORD
    record = json.loads(file.read_text())
    some = record["results"][BASELINE]
    record["results"] |= {f"m{number}": some for number in range(100_000)}
    file.write_text(json.dumps(record))


def named(evidence):
    """A file whose name is a line of its own, and commands to a terminal."""
    (evidence / "a\n\x1b[2J0123 promoted as digits version 9").write_text("")


def link(evidence):
    (evidence / "evaluation-local" / "more").symlink_to("/etc")


EVIDENCE = {
    "a header that does not tokenise": member("0.npy", lambda: npy(b"{'descr': '<f8', 'shape': (\"\"\"\n")),
    "a header of thousands of brackets": member("0.npy", lambda: npy(b"(" * 9000 + b"\n")),
    "an array of 8 TB": member("0.npy", lambda: shaped((10**12,))),
    "an array of negative size": member("0.npy", lambda: shaped((-1, -1))),
    "a pickle": member("0.npy", pickled),
    "a zip bomb": member("0.npy", lambda: shaped((1 << 27,)) + bytes(1 << 30)),
    "a zip cut off": raw(lambda content: content[: len(content) // 2]),
    "no zip": raw(lambda _: b"PK\x03\x04" + bytes(100)),
    "scores of 5e-324": scores(5e-324),
    "scores of 1e308": scores(1e308),
    "aliases in the job": text(JOB, ALIASES),
    "merge keys in the job": text(JOB, MERGES),
    "a job of many keys": text(JOB, KEYS),
    "a job nested too deeply": text(JOB, '{"a":' * 200_000),
    "a job of one long number": text(JOB, '{"version":' + "1" * 900_000 + "}"),
    "a job that is no text": lambda evidence: (evidence / JOB).write_bytes(b"\xff\xfe" * 1000),
    "a record nested too deeply": text(RECORD, "[" * 1_000_000),
    "a record of many keys": text(RECORD, '{"outcomes_sha256":"",' + KEYS[1:]),
    "a record of many models": labels,
    "half a character in a record": fields(metric='"\\ud800"'),
    "rows without end in a record": fields(rows="9" * 4000),
    "numbers that are none in a record": fields(seconds="1e999"),
    "a file with a name of two lines": named,
    "a link out of the evidence": link,
}
"""What it is -> what it does to a folder of evidence before that is sealed."""


def graph(**changes):
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4]) for name in ("x", "y")]
    weights = helper.make_tensor(
        "w", TensorProto.FLOAT, [4, 4], np.eye(4, dtype=np.float32).tobytes(), raw=True
    )
    model = helper.make_model(
        helper.make_graph(
            [helper.make_node("MatMul", ["x", "w"], ["y"])], "g", ends[:1], ends[1:], [weights]
        ),
        opset_imports=[helper.make_opsetid("", 17)],
    )
    for name, value in changes.items():
        setattr(model.graph.initializer[0], name, value)
    return model


def external(data_type=TensorProto.FLOAT, **entries):
    model = graph(data_type=data_type, data_location=TensorProto.EXTERNAL)
    model.graph.initializer[0].ClearField("raw_data")
    for key, value in entries.items():
        model.graph.initializer[0].external_data.add(key=key, value=value)
    return model.SerializeToString()


def many(nodes):
    """Two bytes for a node that takes a hundred."""
    return graph().SerializeToString() + wire(7, b"\x0a\x00" * nodes)


def nested(depth):
    inside = b""
    for _ in range(depth):
        inside = wire(1, wire(5, wire(6, inside)))
    return graph().SerializeToString() + wire(7, inside)


def wire(number, content):
    """Write a field of a protobuf message that holds bytes."""
    size, length = len(content), bytearray()
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + content


MODELS = {
    "a NUL in the place of weights": partial(external, location="w\0.bin"),
    "weights of an unknown type": partial(external, data_type=999, location="model.onnx.data"),
    "weights at no number": partial(external, location="model.onnx.data", offset="9" * 5000),
    "weights in a folder above": partial(external, location="../../../../../etc/passwd"),
    "a model of ten million nodes": partial(many, 10_000_000),
    "graphs in graphs": partial(nested, 1000),
    "a model that is none": lambda: b"\x08" * 1000,
}
"""What it is -> the bytes of a model."""
CARDS = {
    "aliases in MLmodel": ALIASES,
    "merge keys in MLmodel": MERGES,
    "MLmodel nested too deeply": "[" * 200_000,
    "MLmodel of many keys": "\n".join(f"k{number}: 0" for number in range(20_000)),
}
REQUESTS = {
    "a request nested too deeply": lambda file: file.write_text('{"a":' * 100_000),
    "a request of 4 GB": lambda file: os.truncate(file, 4 << 30),
    "a request that is a folder": lambda file: (
        file.unlink(),
        file.mkdir(),
        (file / "request.json").write_text("{}"),
    ),
    "half a character in a request": lambda file: file.write_text('{"recipe":"\\udfff"}'),
}
"""What it is -> what it does to ``request.json`` where it is kept."""
