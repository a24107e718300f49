"""Splits that cannot be used: each is found by reading every row once, before the pipeline starts."""

import gc

import numpy as np
import pytest

SPLITS = {"calibration": "calib.npz", "tuning": "tune.npz", "validation": "dev.npz"}


@pytest.fixture
def refuse(refused, work):
    return lambda *holds: refused("run", work.job, "--json", holds=holds)


def with_value(images, value, dtype=np.float32):
    changed = images.astype(dtype)
    changed[:, 0, 3, 3] = value
    return changed


WRONG_IMAGES = [
    ("rank", lambda images: images[:, 0], ["input 'image' has rank 3", "the model takes (batch, 1, 8, 8)"]),
    (
        "size",
        lambda images: images[..., :7],
        ["input 'image' has shape (1, 1, 8, 7)", "the model takes (batch, 1, 8, 8)"],
    ),
    (
        "float64",
        lambda images: images.astype(np.float64) + 1e-9,
        ["is float64 and would lose values as float32", "store it as float32"],
    ),
    (
        "float64 too large",
        lambda images: with_value(images, 1e300, np.float64),
        ["would lose values as float32"],
    ),
    ("int64", lambda images: np.full(images.shape, 2**24 + 1), ["is int64 and would lose values as float32"]),
    ("complex", lambda images: images + 0j, ["is complex", "the model takes float32"]),
    ("text", lambda images: images.astype(str), ["is <U", "the model takes float32"]),
    (
        "dates",
        lambda images: images.astype(np.int64).astype("M8[s]"),
        ["is datetime64", "the model takes float32"],
    ),
    (
        "NaN",
        lambda images: with_value(images, np.nan),
        ["input 'image' has NaN or infinity", "clean the data"],
    ),
    (
        "infinity",
        lambda images: with_value(images, np.inf),
        ["input 'image' has NaN or infinity", "clean the data"],
    ),
    ("-infinity", lambda images: with_value(images, -np.inf), ["input 'image' has NaN or infinity"]),
    (
        "NaN in float64",
        lambda images: with_value(images, np.nan, np.float64),
        ["input 'image' has NaN or infinity"],
    ),
    ("objects", lambda images: images.astype(object), ["no .npz of plain arrays", "np.savez"]),
    ("one number", lambda images: np.float32(1), ["array 'image' has no rows"]),
    ("fewer rows", lambda images: images[1:], ["arrays of different length", "labels"]),
]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(
    ("change", "holds"), [case[1:] for case in WRONG_IMAGES], ids=[case[0] for case in WRONG_IMAGES]
)
def test_images(refuse, work, split, change, holds):
    images = work.arrays(SPLITS[split])["image"]
    work.change(SPLITS[split], image=change(images))
    refuse(f"data.{split}", *holds)


@pytest.mark.parametrize("split", SPLITS)
def test_unknown_input(refuse, work, split):
    arrays = work.arrays(SPLITS[split])
    work.save(SPLITS[split], pixels=arrays["image"], label=arrays["label"])
    refuse(f"data.{split}", "no array 'image'", "the file has label, pixels", "inputs: {image: <array>}")


@pytest.mark.parametrize("split", SPLITS)
def test_unknown_graph_input_in_the_mapping(refuse, work, split):
    work.set(f"data.{split}.inputs", {"imag": "image"})
    refuse(f"data.{split}.inputs", "no input 'imag'", "did you mean 'image'", "it has image")


def test_unknown_array_in_the_mapping(refuse, work):
    work.set("data.tuning.inputs", {"image": "pixels"})
    refuse("data.tuning", "no array 'pixels' for the model's input 'image'", "the file has image, label")


@pytest.mark.parametrize("split", SPLITS)
def test_empty(refuse, work, split):
    arrays = work.arrays(SPLITS[split])
    work.save(SPLITS[split], **{name: array[:0] for name, array in arrays.items()})
    work.set(f"data.{split}", {"path": SPLITS[split]})
    refuse(f"data.{split}", "has no rows")


CHOICES = [
    ({"start": 300}, ["no rows 300 to 300", "it has 300"]),
    ({"stop": 301}, ["no rows 0 to 301", "it has 300"]),
    ({"start": 5, "stop": 5}, ["stop (5) must be above start (5)"]),
    ({"samples": 301}, ["data.calibration.samples: 301 of 300 rows", "at most"]),
    ({"samples": 3, "start": 298}, ["data.calibration.samples: 3 of 2 rows"]),
    ({"samples": 0}, ["data.calibration.samples", "greater than or equal to 1"]),
    ({"batch": 0}, ["data.calibration.batch", "greater than or equal to 1"]),
]


@pytest.mark.parametrize(("choice", "holds"), CHOICES, ids=str)
def test_choice_of_rows(refuse, work, choice, holds):
    work.set("data.calibration", {"path": "calib.npz"} | choice)
    refuse("data.calibration", *holds)


@pytest.mark.parametrize("change", [-1, 1])
@pytest.mark.parametrize("split", SPLITS)
def test_labels_of_another_length(refuse, work, split, change):
    labels = work.arrays(SPLITS[split])["label"]
    work.change(SPLITS[split], label=labels[:-1] if change < 0 else np.append(labels, 0))
    refuse(
        f"data.{split}",
        "arrays of different length",
        f"labels {len(labels) + change}",
        "each row needs one of every array",
    )


BAD_LABELS = {
    "two a row": lambda labels: np.stack([labels, labels], 1),
    "text": lambda labels: labels.astype(str),
    "NaN": lambda labels: np.full(len(labels), np.nan),
    "one": lambda labels: labels[0],
}


@pytest.mark.parametrize("case", BAD_LABELS)
def test_labels_that_top1_cannot_take(refuse, work, case):
    work.change("dev.npz", label=BAD_LABELS[case](work.arrays("dev.npz")["label"]))
    refuse("label")


@pytest.mark.parametrize("metric", ["top1", "top5", "f1", {"name": "top1", "output": "logits"}])
def test_metric_that_needs_labels(refuse, work, metric):
    work.set("metric", metric)
    work.save("dev.npz", image=work.arrays("dev.npz")["image"])
    refuse("data.validation", "needs labels and the split has none", "add them")


@pytest.mark.parametrize("split", ["calibration", "tuning"])
@pytest.mark.parametrize("shared", [6, 299])
def test_overlap(refuse, work, split, shared):
    work.set("data.calibration", {"path": "calib.npz"})
    own, judged = work.arrays(SPLITS[split]), work.arrays("dev.npz")
    work.save(
        SPLITS[split], **{name: np.concatenate([judged[name][:shared], own[name][shared:]]) for name in own}
    )
    refuse(
        "data.validation", f"{shared} of 500 rows stand in {split} too", "allowed are 1%", "did not shape it"
    )


@pytest.mark.parametrize("split", ["calibration", "tuning"])
def test_the_same_split_twice(refuse, work, split):
    work.set(f"data.{split}", {"path": "dev.npz"})
    refuse(f"data.{split}", "every row of it stands in validation too", "rows of its own")


def broken(content):
    """Flip the bytes in the middle of an archive."""
    middle = len(content) // 2
    return (
        content[:middle]
        + bytes(255 - byte for byte in content[middle : middle + 64])
        + content[middle + 64 :]
    )


FILES = {
    "empty": lambda content: b"",
    "text": lambda content: b"image,label\n1,2\n",
    "pickle": lambda content: b"\x80\x04\x95\x05\x00",
    "truncated": lambda content: content[: len(content) // 2],
    "without its end": lambda content: content[:-4],
    "damaged": broken,
    "damaged head": lambda content: content[:20] + b"\xff" * 60 + content[80:],
}


@pytest.mark.parametrize("case", FILES)
@pytest.mark.parametrize("split", ["calibration", "validation"])
def test_file(refuse, work, split, case):
    path = work.folder / SPLITS[split]
    path.write_bytes(FILES[case](path.read_bytes()))
    refuse(f"data.{split}", "npz")
    gc.collect()  # a file left open shows here, not in whatever test comes next


def test_single_array(refuse, work):
    with (work.folder / "calib.npz").open("wb") as file:
        np.save(file, work.arrays("calib.npz")["image"])
    refuse("data.calibration", "calib.npz holds a single array", "np.savez")


def test_archive_of_other_files(refuse, work):
    import zipfile

    with zipfile.ZipFile(work.folder / "calib.npz", "w") as archive:
        archive.writestr("image", "text")
    refuse("data.calibration", "calib.npz")


@pytest.mark.parametrize(
    ("content", "holds"), [(None, ["no class folders"]), ("a/x.txt", ["has no rows"])], ids=str
)
def test_image_folder(refuse, work, content, holds):
    folder = work.folder / "images"
    folder.mkdir()
    if content:
        (folder / content).parent.mkdir()
        (folder / content).write_text("x")
    work.set("data.calibration", {"path": "images"})
    refuse("data.calibration", *holds)


def test_image_that_is_none(refuse, work):
    (work.folder / "images" / "0").mkdir(parents=True)
    work.write("images/0/a.png", b"x")
    work.set("data.calibration", {"path": "images"})
    refuse("data.calibration", "a.png cannot be decoded", "remove or replace it")


def test_rows_given_to_import(refused, work):
    work.save("rows.npz", pixels=work.arrays("dev.npz")["image"])
    arguments = [
        "import",
        work.folder / "fp32.onnx",
        "-o",
        work.folder / "out",
        "--data",
        work.folder / "rows.npz",
    ]
    refused(*arguments, holds=("--data", "no array 'image'", "the file has pixels"))
