"""Jobs with metrics that read several outputs and labels that are no numbers, from start to gate."""

import json

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from inc_mlflow.engines.onnxruntime.runtime.runner import Runner
from inc_mlflow.records import BASELINE
from inc_mlflow.spec import Job
from inc_mlflow.steps.measure.benchmark import benchmark_models
from inc_mlflow.steps.measure.evaluate import evaluate_models
from inc_mlflow.steps.measure.models import model_at
from inc_mlflow.steps.prepare.check import check
from inc_mlflow.steps.prepare.import_model import imported_baseline as normalized
from inc_mlflow.steps.standalone.gate import judge_records
from inc_mlflow.steps.standalone.prepare import write_candidate

LENGTH, WIDTH, ROWS, ANCHORS = 16, 8, 240, 6
WORDS = [f"w{at}" for at in range(LENGTH)]
OFFSETS = [
    [at, at + len(word)]
    for at, word in zip(np.cumsum([0] + [len(word) + 1 for word in WORDS[:-1]]).tolist(), WORDS, strict=True)
]


def save(path, nodes, weights, outputs):
    """Save a graph with the input x (batch, LENGTH, WIDTH)."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", LENGTH, WIDTH])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


def reader(path):
    """A model that reads a text: logits of where an answer starts, and where it ends."""
    weights = {"w": np.random.default_rng(0).normal(size=(WIDTH, 2)).astype("f4"), "last": np.array([2])}
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["both"]),
        helper.make_node("Split", ["both"], ["first", "second"], axis=2),
    ]
    nodes += [
        helper.make_node("Squeeze", [one, "last"], [name])
        for one, name in (("first", "begins"), ("second", "ends"))
    ]
    save(path, nodes, weights, {"begins": ["batch", LENGTH], "ends": ["batch", LENGTH]})


def detector(path):
    """A model that looks: six boxes with the scores of three classes."""
    random = np.random.default_rng(1)
    weights = {
        "flat": np.array([0, LENGTH * WIDTH]),
        "w": random.normal(size=(LENGTH * WIDTH, ANCHORS * 7)).astype("f4") / 8,
    }
    weights |= {"shape": np.array([0, ANCHORS, 7]), "cut": np.array([4, 3]), "ten": np.array(10, "f4")}
    nodes = [
        helper.make_node("Reshape", ["x", "flat"], ["row"]),
        helper.make_node("MatMul", ["row", "w"], ["m"]),
        helper.make_node("Sigmoid", ["m"], ["s"]),
        helper.make_node("Reshape", ["s", "shape"], ["all"]),
        helper.make_node("Split", ["all", "cut"], ["places", "probabilities"], axis=2),
        helper.make_node("Mul", ["places", "ten"], ["locations"]),
    ]
    save(path, nodes, weights, {"locations": ["batch", ANCHORS, 4], "probabilities": ["batch", ANCHORS, 3]})


def answers(outputs):
    """Questions that the FP32 model answers right."""
    found = []
    for start, end in zip(outputs["begins"], outputs["ends"], strict=True):
        first, last = max(
            ((a, b) for a in range(LENGTH) for b in range(a, LENGTH)),
            key=lambda pair: start[pair[0]] + end[pair[1]],
        )
        found.append(
            json.dumps(
                {
                    "answers": [" ".join(WORDS[first : last + 1])],
                    "context": " ".join(WORDS),
                    "offsets": OFFSETS,
                }
            )
        )
    return np.array(found)


def objects(outputs):
    """Objects where the FP32 model is the surest, written as corners."""
    labels = np.full((len(outputs["locations"]), ANCHORS, 5), -1.0)
    centre, size = outputs["locations"][..., :2], outputs["locations"][..., 2:]
    labels[..., :4] = np.concatenate([centre - size / 2, centre + size / 2], axis=2)
    sure = outputs["probabilities"].max(2) > 0.7
    labels[..., 4] = np.where(sure, outputs["probabilities"].argmax(2), -1)
    return labels


SPAN = {
    "name": "squad_f1",
    "outputs": {"start": "begins", "end": "ends"},
    "postprocess": {"name": "squad_span", "max_length": 16},
}
BOXES = {
    "name": "coco_map",
    "outputs": {"boxes": "locations", "scores": "probabilities"},
    "postprocess": {"name": "nms", "box": "cxcywh", "iou_threshold": 0.9, "score_threshold": 0.3},
}
JOBS = {"squad": (reader, answers, SPAN), "coco": (detector, objects, BOXES)}


@pytest.fixture
def job(tmp_path):
    def make(name, labels=None):
        model, label, metric = JOBS[name]
        model(tmp_path / "fp32.onnx")
        data = {}
        for seed, split in enumerate(("calibration", "validation")):
            rows = np.random.default_rng(seed).normal(size=(ROWS, LENGTH, WIDTH)).astype("f4")
            data[split] = {"path": f"{split}.npz"}
            given = label(Runner(tmp_path / "fp32.onnx", threads=1)({"x": rows}))
            np.savez(tmp_path / f"{split}.npz", x=rows, label=given if labels is None else labels(given))
        job = {"version": 1, "name": name, "model": "fp32.onnx", "data": data, "metric": metric}
        job |= {"recipes": [{"method": "static"}], "benchmark": {"layout": "1s1c1ins8bs"}}
        (tmp_path / "job.yaml").write_text(yaml.safe_dump(job))
        return tmp_path / "job.yaml"

    return make


@pytest.mark.slow
def test_detections_are_judged_by_resampled_images(job, tmp_path):
    """Import, quantise, evaluate and judge as the job's steps do, in this process."""
    spec, steps = Job.load(job("coco")), tmp_path / "steps"
    write_candidate(spec, '{"method": "static"}', [], tmp_path / "int8.onnx")
    with normalized(spec) as baseline:
        files = {BASELINE: baseline, "int8": tmp_path / "int8.onnx"}
        models = [model_at(label, file, spec.spec.engines) for label, file in files.items()]
        for name in ("evaluation", "benchmark"):
            (steps / name).mkdir(parents=True)
        evaluate_models(spec, models, "validation", steps / "evaluation").save(steps / "evaluation")
        benchmark_models(spec, models, steps / "benchmark").save(steps / "benchmark")
    result = judge_records([steps], spec.spec.gate)
    baseline_row, int8 = result["table"]
    assert result["verdict"] in {"pass", "fail", "inconclusive"}
    assert baseline_row["accuracy"]["value"] > 0.8
    drop = int8["relative_drop"]
    assert 0 < drop["value"] < 0.5
    assert drop["low"] < drop["value"] < drop["high"]


def test_answers_are_read_from_logits_by_the_offsets_in_the_labels(job, answer, tmp_path):
    result = answer("evaluate", job("squad"), "--model", tmp_path / "fp32.onnx")
    assert (result["metric"], result["value"], result["n"]) == ("squad_f1", 1.0, ROWS)


def test_a_label_that_is_wrong_is_refused_before_any_work(job, call):
    def one_is_wrong(labels):
        labels[100] = '{"answers": "w1"}'
        return labels

    code, _, err = call("run", job("squad", one_is_wrong), "--json")
    (line,) = err.splitlines()
    assert code == 2
    assert line.startswith('inc-mlflow: data.validation: label \'{"answers": "w1"}\': ')


def test_boxes_in_another_shape_are_refused_before_any_work(job, call):
    code, _, err = call("run", job("coco", lambda labels: labels[..., :4]), "--json")
    assert code == 2
    assert "data.validation: metric coco_map takes boxes of shape (most, 5 or 6) per row" in err
    assert "labels are float64 of shape (6, 4)" in err


def test_a_class_that_is_too_rare_to_resample_is_refused_before_any_work(work, call):
    labels = np.zeros_like(work.arrays("dev.npz")["label"])
    labels[:2] = 1
    work.change("dev.npz", label=labels)
    work.set("metric", "auroc")
    code, _, err = call("run", work.job, "--json")
    (line,) = err.splitlines()
    assert code == 2
    assert line.startswith("inc-mlflow: data.validation: metric: undefined on 1")
    assert "resamples of the " in line
    assert "have no row of class 1; 50 may be" in line


def test_a_rare_class_is_enough_for_tuning_which_is_not_resampled(work):
    for name, positives in (("tune.npz", 2), ("dev.npz", 40)):
        work.change(name, label=(np.arange(len(work.arrays(name)["label"])) < positives).astype(int))
    for field, wanted in (("metric", "auroc"), ("recipes", "auto"), ("data.tuning", {"path": "tune.npz"})):
        work.set(field, wanted)
    assert check(Job.load(work.job)).facts.splits["tuning"].rows
