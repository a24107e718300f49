"""Post-processing: from outputs of a model to what a metric reads.

A target is a ``Postprocess``, whose fields are its options.
"""

from typing import TYPE_CHECKING

from inc_mlflow.registry.table import Registry, Row

if TYPE_CHECKING:
    from inc_mlflow.metrics.postprocess.postprocess import Postprocess


def _row(
    place: str,
    summary: str,
    extra: str | None = None,
    needs: tuple[str, ...] = (),
    files: tuple[str, ...] = (),
) -> Row:
    return Row(f"inc_mlflow.metrics.postprocess.{place}", summary, extra, needs, files=files)


POSTPROCESS: "Registry[type[Postprocess]]" = Registry(
    "postprocess",
    {
        "argmax": _row(
            "classes:Argmax",
            "number of the largest logit, where classes lie on another axis than the metric expects",
        ),
        "ctc": _row("text:Ctc", "logits of frames to text, greedily"),
        "decode": _row(
            "text:Decode",
            "tokens that a model wrote to text, by a tokenizer.json",
            extra="text",
            needs=("tokenizers",),
            files=("tokenizer",),
        ),
        "duc": _row("masks:Duc", "channels that hold blocks of pixels to logits of pixels (DUC)"),
        "mask_rcnn": _row(
            "masks:MaskRcnn", "small masks to masks of the picture, by their boxes (Mask R-CNN)"
        ),
        "nms": _row(
            "detection:Nms", "boxes and scores of every class to detections, by non-maximum suppression"
        ),
        "squad_span": _row(
            "span:SquadSpan", "start and end logits to the text between them, by the offsets in the label"
        ),
        "ssd": _row(
            "detection:Ssd",
            "boxes, classes and scores that the graph has decoded (SSD, Faster and Mask R-CNN)",
        ),
        "yolo": _row(
            "detection:Yolo",
            "YOLO's boxes with the scores of classes to detections, by non-maximum suppression",
        ),
    },
)
