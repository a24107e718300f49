"""Options and labels that would give a wrong number are refused in one line."""

import json

import numpy as np
import pytest

from inc_mlflow.errors import DataError, SpecError
from inc_mlflow.metrics.resolve import resolve
from inc_mlflow.registry.metrics import METRICS
from inc_mlflow.spec import MetricSpec


@pytest.mark.parametrize("tag", ["S-PER", "E-PER", "L-PER", "B", "I", "PER", "B-", "b-PER", "O-PER", ""])
def test_tags_of_another_scheme_are_refused(tag, tmp_path):
    spec = MetricSpec(name="entity_f1", options={"tags": ["O", "B-PER", tag]})
    with pytest.raises(
        SpecError, match=rf"^metric\.options\.tags: '{tag}' is neither O nor B-type nor I-type"
    ):
        resolve(spec, tmp_path, ["logits"])


def test_an_inner_tag_may_lack_its_beginning(tmp_path):
    resolve(
        MetricSpec(name="entity_f1", options={"tags": ["O", "I-PER", "B-LOC", "I-ORG-1"]}),
        tmp_path,
        ["logits"],
    )


def test_a_blank_outside_of_the_vocabulary_is_refused(tmp_path):
    after = {"name": "ctc", "vocabulary": ["", "a"]}
    resolve(MetricSpec(name="wer", postprocess=after | {"blank": 1}), tmp_path, ["logits"])
    with pytest.raises(
        SpecError, match=r"^metric\.postprocess\.blank: 2 is no class of a vocabulary of 2; 0 to 1 are$"
    ):
        resolve(MetricSpec(name="wer", postprocess=after | {"blank": 2}), tmp_path, ["logits"])


BOX, NONE = [1.0, 2.0, 5.0, 4.0, 0.0, 0.0], [9.0, 9.0, 0.0, 0.0, -1.0, 0.0]
WRONG_BOXES = {
    "width and height": (
        [10.0, 2.0, 5.0, 4.0, 0.0, 0.0],
        r"; a box ends before it starts, as x, y, width, height would$",
    ),
    "half a class": ([1.0, 2.0, 5.0, 4.0, 0.5, 0.0], r"; a class is no whole number$"),
    "a score": ([1.0, 2.0, 5.0, 4.0, 0.0, 0.7], r"; crowd is neither 0 nor 1$"),
    "seven": ([*BOX, 1.0], r", labels are float64 of shape \(1, 7\)$"),
}


@pytest.mark.parametrize("name", ["coco_map", "coco_map50"])
@pytest.mark.parametrize("kind", WRONG_BOXES)
def test_boxes_that_are_none_are_refused(name, kind, tmp_path):
    metric = resolve(MetricSpec(name=name), tmp_path, ["boxes", "scores", "classes"])
    metric.check_labels(np.array([[BOX, NONE], [NONE, NONE]]))
    metric.check_labels(np.array([[BOX, NONE]])[..., :5].astype(int))
    box, message = WRONG_BOXES[kind]
    with pytest.raises(DataError, match=rf"^metric {name} takes boxes of shape .*{message}"):
        metric.check_labels(np.array([[box]]))


@pytest.mark.parametrize("label", [-1, 6])
@pytest.mark.parametrize("name", ["top1", "top5", "f1", "f1_macro", "matthews"])
def test_a_label_that_is_no_class_of_the_model_is_refused(name, label):
    metric = METRICS.get(name)()
    outputs = {"logits": np.eye(6)}
    metric.statistics(outputs, np.arange(6))
    with pytest.raises(DataError, match=r"^metric: labels -?\d to \d for 6 classes, which are 0 to 5; "):
        metric.statistics(outputs, np.array([0, 1, 2, 3, 4, label]))


def test_annotations_may_have_all_that_cocos_files_give_them():
    one = {"id": 7, "image_id": 3, "area": 4.0, "bbox": [0, 0, 2, 2], "category_id": 1, "iscrowd": 0}
    one |= {"segmentation": [[0, 0, 2, 0, 2, 2, 0, 2]]}
    metric = METRICS.get("coco_mask_map")()
    outputs = {"masks": np.zeros((1, 1, 4, 4)), "scores": np.ones((1, 1)), "classes": np.ones((1, 1))}
    outputs["masks"][..., :2, :2] = 1
    labels = np.array([json.dumps({"height": 4, "width": 4, "annotations": [one]})])
    assert metric.aggregate(metric.statistics(outputs, labels)) == pytest.approx(1.0)
    with pytest.raises(DataError, match="size: unknown field"):
        metric.statistics(
            outputs, np.array([json.dumps({"height": 4, "width": 4, "annotations": [], "size": 4})])
        )
