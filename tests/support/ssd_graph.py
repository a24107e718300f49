"""A detector as TensorFlow's object detection writes it, small enough to be trained in a test.

Images of one size, a backbone, heads of boxes and classes over a grid of anchors; then a loop over the batch with
TensorArrays, in which every image has its boxes suppressed by class, put in order and padded.
"""

from pathlib import Path

import numpy as np

SIZE, CLASSES, MOST, STRIDE = 48, 3, 10, 6
ANCHOR = 16.0
MODEL = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")


def pictures(count, seed):
    """Return images (n, 48, 48, 1) with one or two digits 0, 1, 2, and boxes (n, 2, 5): x1 y1 x2 y2 class."""
    from sklearn.datasets import load_digits

    random, found = np.random.default_rng(seed), load_digits()
    of_class = [found.images[found.target == kind] / 16 for kind in range(CLASSES)]
    images = random.uniform(0, 0.1, (count, SIZE, SIZE, 1)).astype("f4")
    boxes = np.full((count, 2, 5), -1, "f4")
    for row in range(count):
        for place in range(random.integers(1, 3)):
            kind = random.integers(CLASSES)
            digit = of_class[kind][random.integers(len(of_class[kind]))].repeat(2, 0).repeat(2, 1)
            x = int(random.integers(0, SIZE // 2 - 16 + 1) + place * SIZE // 2)
            y = int(random.integers(0, SIZE - 16))
            images[row, y : y + 16, x : x + 16, 0] += digit
            boxes[row, place] = x, y, x + 16, y + 16, kind
    return images, boxes


def anchors():
    """Return centres (cells, 2) of the anchors, y first."""
    steps = (np.arange(SIZE // STRIDE) + 0.5) * STRIDE
    return np.stack(np.meshgrid(steps, steps, indexing="ij"), -1).reshape(-1, 2).astype("f4")


def targets(boxes):
    """Return of every anchor its class (0 is background) and the distance to the box's centre, y first."""
    kinds = np.zeros((len(boxes), len(anchors())), "i4")
    moved = np.zeros((len(boxes), len(anchors()), 2), "f4")
    for row, objects in enumerate(boxes):
        for x1, y1, x2, y2, kind in objects[objects[:, 4] >= 0]:
            offset = np.array([(y1 + y2) / 2, (x1 + x2) / 2]) - anchors()
            near = np.abs(offset).max(1) < STRIDE
            kinds[row, near], moved[row, near] = kind + 1, offset[near] / ANCHOR
    return kinds, moved


def _heads(v1, images):
    """Return logits (n, anchors, 1 + classes) and distances (n, anchors, 2)."""
    import tensorflow as tf

    random = np.random.default_rng(0)
    x, channels = images, 1
    for layer, (width, stride) in enumerate([(12, 2), (24, 3), (24, 1)]):
        scale = (2 / (25 * channels)) ** 0.5
        initial = random.normal(size=(5, 5, channels, width)).astype("f4") * scale
        x = tf.nn.conv2d(x, v1.get_variable(f"filters{layer}", initializer=initial), stride, "SAME")
        x = tf.nn.relu6(x + v1.get_variable(f"offsets{layer}", initializer=np.zeros(width, "f4")))
        channels = width
    found = []
    for name, width in (("classes", 1 + CLASSES), ("boxes", 2)):
        initial = random.normal(size=(3, 3, channels, width)).astype("f4") * 0.05
        head = tf.nn.conv2d(x, v1.get_variable(name, initializer=initial), 1, "SAME")
        found.append(tf.reshape(head, (tf.shape(images)[0], len(anchors()), width)))
    return found


def _suppressed(boxes, scores):
    """Suppress the boxes of one image by class, as ``multiclass_non_max_suppression`` does."""
    import tensorflow as tf

    kept_boxes, kept_scores, kinds = [], [], []
    for kind in range(CLASSES):
        chosen = tf.image.non_max_suppression(boxes, scores[:, kind], MOST, 0.4, 0.2)
        kept_boxes.append(tf.gather(boxes, chosen))
        kept_scores.append(tf.gather(scores[:, kind], chosen))
        kinds.append(tf.fill(tf.shape(chosen), float(kind)))
    boxes, scores, kinds = (tf.concat(parts, 0) for parts in (kept_boxes, kept_scores, kinds))
    best, order = tf.nn.top_k(scores, tf.minimum(MOST, tf.shape(scores)[0]))
    missing = MOST - tf.shape(best)[0]
    boxes = tf.pad(tf.gather(boxes, order), [[0, missing], [0, 0]])
    kinds = tf.pad(tf.gather(kinds, order), [[0, missing]])
    return (
        tf.reshape(boxes, (MOST, 4)),
        tf.reshape(tf.pad(best, [[0, missing]]), (MOST,)),
        tf.reshape(kinds, (MOST,)),
        tf.cast(tf.shape(best)[0], "float32"),
    )


def write(folder: Path, steps: int = 150) -> None:
    """Train the detector; write ``ssd.pb``, and ``ssd.ckpt`` with its training in the graph."""
    import tensorflow as tf

    v1 = tf.compat.v1
    v1.disable_control_flow_v2()  # the loops of TensorFlow 1
    try:
        with tf.Graph().as_default(), v1.Session() as session:
            _write(v1, session, folder, steps)
    finally:
        v1.enable_control_flow_v2()


def _write(v1, session, folder, steps):
    import tensorflow as tf

    images = v1.placeholder("float32", (None, SIZE, SIZE, 1), name="image_tensor")
    logits, moved = _heads(v1, images)
    kinds = v1.placeholder("int32", (None, len(anchors())), name="kinds")
    wanted = v1.placeholder("float32", (None, len(anchors()), 2), name="wanted")
    is_object = tf.cast(kinds > 0, "float32")
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(kinds, logits) * (1 + 4 * is_object))
    loss += 5 * tf.reduce_sum(tf.abs(moved - wanted) * is_object[..., None]) / (1 + tf.reduce_sum(is_object))
    train = v1.train.AdamOptimizer(3e-3).minimize(loss)
    centres = anchors() + moved * ANCHOR
    boxes = tf.concat([centres - ANCHOR / 2, centres + ANCHOR / 2], -1) / SIZE
    scores = tf.nn.softmax(logits)[..., 1:]
    outputs = v1.map_fn(lambda one: _suppressed(*one), (boxes, scores), dtype=("float32",) * 4)
    for name, tensor in zip(MODEL, outputs, strict=True):
        tf.identity(tensor, name=name)
    session.run(v1.global_variables_initializer())
    for step in range(steps):
        rows, objects = pictures(24, seed=1000 + step)
        session.run(train, dict(zip((images, kinds, wanted), (rows, *targets(objects)), strict=True)))
    v1.train.Saver().save(session, str(folder / "ssd.ckpt"))
    frozen = v1.graph_util.convert_variables_to_constants(session, session.graph.as_graph_def(), list(MODEL))
    (folder / "ssd.pb").write_bytes(frozen.SerializeToString())
