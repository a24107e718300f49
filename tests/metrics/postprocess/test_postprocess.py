"""From outputs of a graph to what a metric reads."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from inc_mlflow.errors import DataError
from inc_mlflow.metrics.boxes import overlap
from inc_mlflow.metrics.postprocess.detection import suppress
from inc_mlflow.metrics.text import BROKEN
from inc_mlflow.registry.metrics import METRICS
from inc_mlflow.registry.postprocess import POSTPROCESS


def run(name, outputs, **options):
    return POSTPROCESS.get(name).model_validate(options)(outputs, None)


def found(result, row=0):
    there = result["classes"][row] >= 0
    return [
        (tuple(map(float, box)), float(score), int(kind))
        for box, score, kind in zip(
            *(result[role][row][there] for role in ("boxes", "scores", "classes")), strict=True
        )
    ]


BOX, NEAR, FAR = [0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 70]


def test_overlap_is_intersection_over_union_and_over_the_own_area_in_a_crowd():
    boxes = np.array([BOX, FAR, [0, 0, 5, 10], [3, 3, 3, 3]], float)
    assert overlap(boxes, np.array([BOX], float))[:, 0].tolist() == [1, 0, 0.5, 0]
    assert overlap(boxes, np.array([BOX], float), np.array([True]))[:, 0].tolist() == [1, 0, 1, 0]


@given(st.integers(0, 10**6), st.floats(0.1, 0.9))
def test_suppression_keeps_the_best_and_nothing_that_overlaps(seed, threshold):
    random = np.random.default_rng(seed)
    corner = random.random((30, 2)) * 20
    boxes, scores = (
        np.concatenate([corner, corner + 1 + random.random((30, 2)) * 10], axis=1),
        random.random(30),
    )
    kept = suppress(boxes, scores, threshold)
    among = overlap(boxes[kept], boxes[kept]) - np.eye(len(kept))
    assert kept[0] == scores.argmax()
    assert (among <= threshold).all()
    gone = np.setdiff1d(np.arange(30), kept)
    assert all(
        (overlap(boxes[[one]], boxes[kept])[0][scores[kept] >= scores[one]] > threshold).any() for one in gone
    )


def test_suppression_is_of_each_class_apart():
    boxes = np.array([[BOX, NEAR, FAR]], np.float32)
    scores = np.array([[[0.9, 0.0], [0.8, 0.7], [0.01, 0.6]]], np.float32)
    result = found(run("nms", {"boxes": boxes, "scores": scores}))
    assert [(box, kind) for box, _, kind in result] == [(tuple(BOX), 0), (tuple(NEAR), 1), (tuple(FAR), 1)]
    assert len(found(run("nms", {"boxes": boxes, "scores": scores}, iou_threshold=0.9))) == 4
    assert [kind for *_, kind in found(run("nms", {"boxes": boxes, "scores": scores}, background=0))] == [
        1,
        1,
    ]
    assert len(found(run("nms", {"boxes": boxes, "scores": scores}, score_threshold=0.65))) == 2
    assert len(found(run("nms", {"boxes": boxes, "scores": scores}, max_detections=1))) == 1


@pytest.mark.parametrize("box", ["xyxy", "yxyx", "xywh", "cxcywh"])
def test_boxes_may_be_written_in_four_ways(box):
    written = {"xyxy": [2, 4, 8, 6], "yxyx": [4, 2, 6, 8], "xywh": [2, 4, 6, 2], "cxcywh": [5, 5, 6, 2]}[box]
    outputs = {
        "boxes": np.array([[written]], np.float32),
        "scores": np.array([[0.5]]),
        "classes": np.array([[3.0]]),
    }
    assert found(run("ssd", outputs, box=box)) == [((2, 4, 8, 6), 0.5, 3)]


def test_images_with_fewer_detections_are_padded():
    outputs = {
        "boxes": np.array([[BOX, FAR], [BOX, FAR]], float),
        "scores": np.array([[0.9, 0.8], [0.7, 0.0]]),
        "classes": np.array([[1, 2], [3, 0]]),
    }
    result = run("ssd", outputs, score_threshold=0.0)
    assert [len(found(result, row)) for row in range(2)] == [2, 1]
    assert result["classes"].tolist() == [[1, 2], [3, -1]]


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("objectness", [False, True])
def test_yolo(transposed, objectness):
    rows = [
        [5, 5, 10, 10, *([0.5] if objectness else []), 0.2, 0.8],
        [55, 60, 10, 20, *([0.1] if objectness else []), 0.1, 0.0],
    ]
    outputs = np.array([rows], np.float32)
    outputs = outputs.transpose(0, 2, 1) if transposed else outputs
    result = found(
        run(
            "yolo",
            {"predictions": outputs},
            transposed=transposed,
            objectness=objectness,
            score_threshold=0.15,
        )
    )
    assert [(box, kind) for box, _, kind in result] == [(tuple(BOX), 1)] + (
        [] if objectness else [(tuple(BOX), 0)]
    )
    assert result[0][1] == pytest.approx(0.4 if objectness else 0.8)


@pytest.mark.parametrize("name", ["nms", "ssd", "yolo"])
def test_nan_stays_visible_in_the_image_that_has_it(name):
    boxes, scores = np.array([[BOX], [FAR]], float), np.full((2, 1, 3), 0.9)
    outputs = {"boxes": boxes, "scores": scores, "predictions": np.concatenate([boxes, scores], axis=2)}
    if name == "ssd":
        outputs |= {"scores": scores[..., 0], "classes": np.ones((2, 1))}
    for array in outputs.values():
        array[0].flat[-1] = np.nan
    result = run(name, {role: outputs[role] for role in POSTPROCESS.get(name).reads})
    assert np.isnan(result["scores"][0, 0])
    assert result["classes"][0, 0] >= 0
    assert not np.isnan(result["scores"][1]).any()


@pytest.mark.parametrize("name", ["nms", "ssd", "yolo", "ctc", "argmax"])
def test_outputs_of_another_shape_are_refused(name):
    kind = POSTPROCESS.get(name)
    options = {"vocabulary": ["", "a"]} if name == "ctc" else {"axis": 2} if name == "argmax" else {}
    with pytest.raises(DataError, match=r"^metric"):
        run(name, dict.fromkeys(kind.reads, np.zeros((2, 3))), **options)


def picture(height, width, *boxes):
    """A label with one object of class 1 in each box, as polygons."""
    each = [[x1, y1, x2, y1, x2, y2, x1, y2] for x1, y1, x2, y2 in boxes]
    annotations = [{"category_id": 1, "segmentation": [list(map(float, one))]} for one in each]
    return json.dumps({"height": height, "width": width, "annotations": annotations})


@pytest.mark.parametrize("normalized", [False, True])
def test_small_masks_fill_their_boxes_in_pictures_of_any_size(normalized):
    labels = np.array([picture(40, 60, BOX, [20, 10, 50, 30]), picture(80, 100, [50, 50, 60, 70])])
    boxes = np.array([[BOX, [20, 10, 50, 30], BOX], [[50, 50, 60, 70], BOX, BOX]], float)
    if normalized:
        boxes /= np.array([[60, 40, 60, 40], [100, 80, 100, 80]])[:, None]
    outputs = {
        "boxes": boxes,
        "scores": np.array([[0.9, 0.8, 0.0], [0.7, 0.0, 0.0]]),
        "classes": np.ones((2, 3)),
    }
    outputs["masks"] = np.ones((2, 3, 14, 14), np.float32)
    decode = POSTPROCESS.get("mask_rcnn").model_validate({"normalized": normalized})
    result = decode(outputs, labels)
    assert [mask.shape for mask in result["masks"]] == [(3, 40, 60), (3, 80, 100)]
    assert result["masks"][0][:2].sum(axis=(1, 2)).tolist() == [100, 600]
    assert result["classes"].tolist() == [[1, 1, -1], [1, -1, -1]]
    metric = METRICS.get("coco_mask_map")()
    assert metric.aggregate(metric.statistics(result, labels)) == pytest.approx(1.0)
    outputs["masks"][1, 0, 3, 3] = np.nan
    assert np.isnan(metric.aggregate(metric.statistics(decode(outputs, labels), labels)))


@pytest.mark.parametrize("role", ["scores", "boxes", "classes", "masks", "predictions"])
@pytest.mark.parametrize("name", ["nms", "ssd", "yolo", "mask_rcnn"])
def test_nan_is_not_cut_off_with_the_detections_beyond_the_most(name, role):
    """The first is right and the best; the second has NaN, and only one may stay."""
    kind = POSTPROCESS.get(name)
    if role not in kind.reads:
        return
    boxes, scores, labels = (
        np.array([[BOX, FAR]], float),
        np.array([[0.9, 0.1]]),
        np.array([picture(80, 80, BOX)]),
    )
    outputs = {"boxes": boxes, "scores": scores, "classes": np.ones((1, 2)), "masks": np.ones((1, 2, 4, 4))}
    if name in {"nms", "yolo"}:
        each = scores[..., None] * [0, 1]
        outputs |= {"scores": each, "predictions": np.concatenate([boxes, each], axis=2)}
    options = {"objectness": False, "box": "xyxy"} if name == "yolo" else {}
    decode = kind.model_validate({"max_detections": 1} | options)
    metric = METRICS.get("coco_mask_map" if name == "mask_rcnn" else "coco_map")()
    truths = labels if name == "mask_rcnn" else np.array([[[*BOX, 1]]], float)

    def value():
        return metric.aggregate(
            metric.statistics(decode({one: outputs[one] for one in kind.reads}, labels), truths)
        )

    assert value() == pytest.approx(1.0)
    outputs[role][0, 1, ...] = np.nan
    assert np.isnan(value())


def test_half_of_a_mask_fills_half_of_its_box():
    mask = np.zeros((1, 1, 8, 8))
    mask[..., :4] = 1
    outputs = {
        "boxes": np.array([[[10, 0, 30, 16]]]),
        "scores": np.ones((1, 1)),
        "classes": np.ones((1, 1)),
        "masks": mask,
    }
    (found_,) = POSTPROCESS.get("mask_rcnn")()(outputs, np.array([picture(20, 40)]))["masks"]
    assert np.argwhere(found_[0]).min(0).tolist() == [0, 10]
    assert np.argwhere(found_[0]).max(0).tolist() == [15, 19]


def test_duc_puts_channels_into_blocks_of_pixels():
    whole = np.random.default_rng(0).random((2, 3, 8, 12))
    channels = whole.reshape(2, 3, 2, 4, 3, 4).transpose(0, 1, 3, 5, 2, 4).reshape(2, 3 * 16, 2, 3)
    result = run("duc", {"logits": channels}, classes=3, height=8, width=12)
    np.testing.assert_array_equal(result["logits"], whole)
    with pytest.raises(DataError, match="duc needs 288 values per row"):
        run("duc", {"logits": channels[..., :2]}, classes=3, height=8, width=12)


def test_argmax_takes_the_axis_of_classes_and_nan_is_no_class():
    logits = np.zeros((2, 3, 4))
    logits[:, 1] = 1
    logits[1, 2, 0] = np.nan
    result = run("argmax", {"logits": logits}, axis=1)["logits"]
    assert result[0].tolist() == [1, 1, 1, 1]
    assert result[1, 0] < -(10**9)
    with pytest.raises(DataError, match="0 is no axis of classes"):
        run("argmax", {"logits": logits}, axis=0)


def frames(symbols, classes=5):
    return np.eye(classes)[[symbols]]


@pytest.mark.parametrize(
    ("symbols", "text"),
    [
        ([0, 1, 1, 0, 1, 2], "aab"),
        ([3, 1, 3, 3, 2, 3], "a b"),
        ([0, 0], ""),
        ([4, 4, 0, 4], "ll"),
        ([1, 2, 1], "aba"),
    ],
)
def test_ctc_leaves_out_repeats_and_blanks(symbols, text):
    assert run("ctc", {"logits": frames(symbols)}, vocabulary=["", "a", "b", "|", "l"])["text"].tolist() == [
        text
    ]


def test_ctc_of_nan_is_no_text():
    logits = frames([1, 2]).astype(float)
    logits[0, 0, 3] = np.nan
    assert run("ctc", {"logits": logits}, vocabulary=["", "a", "b", "|", "l"])["text"].tolist() == [BROKEN]


@pytest.fixture
def tokenizer(tmp_path):
    made = Tokenizer(models.WordLevel({"<pad>": 0, "one": 1, "two": 2, "</s>": 3}, unk_token="<pad>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.add_special_tokens(["<pad>", "</s>"])
    made.save(str(tmp_path / "tokenizer.json"))
    return POSTPROCESS.get("decode").model_validate(
        {"tokenizer": "tokenizer.json", "end": 3}, context={"root": tmp_path}
    )


def test_tokens_are_decoded_up_to_the_end_and_logits_by_their_best(tokenizer):
    tokens = np.array([[1, 2, 0, -100], [2, 3, 1, 1]])
    assert tokenizer({"tokens": tokens}, None)["text"].tolist() == ["one two", "two"]
    logits = np.eye(4)[np.array([[1, 2], [2, 3]])]
    logits[1, 0, 0] = np.nan
    assert tokenizer({"tokens": logits}, None)["text"].tolist() == ["one two", BROKEN]
    with pytest.raises(DataError, match="decode needs tokens"):
        tokenizer({"tokens": np.zeros((2, 2))}, None)
