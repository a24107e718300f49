"""Post-processing: from outputs of a model to what a metric reads.

A target is a ``Postprocess``, whose fields are its options.
"""

from typing import TYPE_CHECKING

from inc_mlflow.registry.table import Entry, Registry

if TYPE_CHECKING:
    from inc_mlflow.metrics.postprocess.postprocess import Postprocess


def _entry(
    place: str,
    summary: str,
    extra: str | None = None,
    needs: tuple[str, ...] = (),
    files: tuple[str, ...] = (),
) -> Entry:
    return Entry(f"inc_mlflow.metrics.postprocess.{place}", summary, extra, needs, files=files)


POSTPROCESS: "Registry[type[Postprocess]]" = Registry(
    "postprocess",
    {
        "argmax": _entry(
            "classes:Argmax",
            "number of the largest logit, where classes lie on another axis than the metric expects",
        ),
        "ctc": _entry("text:Ctc", "logits of frames to text, greedily"),
        "decode": _entry(
            "text:Decode",
            "tokens that a model wrote to text, by a tokenizer.json",
            extra="text",
            needs=("tokenizers",),
            files=("tokenizer",),
        ),
        "duc": _entry("masks:Duc", "channels that hold blocks of pixels to logits of pixels (DUC)"),
        "mask_rcnn": _entry(
            "masks:MaskRcnn", "small masks to masks of the picture, by their boxes (Mask R-CNN)"
        ),
        "nms": _entry(
            "detection:Nms", "boxes and scores of every class to detections, by non-maximum suppression"
        ),
        "squad_span": _entry(
            "span:SquadSpan", "start and end logits to the text between them, by the offsets in the label"
        ),
        "ssd": _entry(
            "detection:Ssd",
            "boxes, classes and scores that the graph has decoded (SSD, Faster and Mask R-CNN)",
        ),
        "yolo": _entry(
            "detection:Yolo",
            "YOLO's boxes with the scores of classes to detections, by non-maximum suppression",
        ),
    },
)
