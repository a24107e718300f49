"""A user's function that is missing, raises, or returns something else: its message, file and line stay."""

import pytest

YIELD = """
import numpy as np
def f(split):
    image = np.random.default_rng(len(split)).random((20, 1, 8, 8), np.float32)
    label = np.arange(20) % 10
    {body}
"""
RAISES = [
    ("raise ValueError('the sensor is off')", ["data.py:6 in f", "ValueError: the sensor is off"]),
    ("raise ValueError('two\\n    lines')", ["data.py:6 in f", "ValueError: two lines"]),
    (
        "yield {'image': image[:1]}, label[:1]; 1 / 0",
        ["data.py:6 in f", "ZeroDivisionError: division by zero"],
    ),
    ("assert False; yield", ["data.py:6 in f", "AssertionError: no message"]),
    ("import no_such_package; yield", ["data.py:6 in f", "ModuleNotFoundError", "no_such_package"]),
    ("yield {'image': image.nope}, label", ["data.py:6 in f", "AttributeError", "nope"]),
    ("np.load('none.npz'); yield", ["data.py:6 in f", "FileNotFoundError", "none.npz"]),
    ("import sys; sys.exit(0); yield", ["data.py:6 in f", "SystemExit"]),
    ("exit('bye'); yield", ["data.py:6 in f", "bye"]),
]
GIVES = [
    ("return None", ["callable"]),
    ("return 5", ["callable"]),
    ("return iter(())", ["gave no rows", "yield (inputs, labels)"]),
    ("yield image", ["yields ndarray", "(dict of input arrays, labels or None)"]),
    ("yield {}, label", ["yields tuple", "(dict of input arrays, labels or None)"]),
    ("yield {'image': image}, label, 1", ["yields tuple"]),
    ("yield {'image': 1.0}, None", ["input 'image' has no rows"]),
    ("yield {'pixels': image}, label", ["rows have the inputs pixels", "the model takes image"]),
    (
        "yield {'image': image, 'extra': image}, label",
        ["rows have the inputs image, extra", "the model takes image"],
    ),
    ("yield {'image': image[:, 0]}, label", ["has rank 3", "(batch, 1, 8, 8)"]),
    ("yield {'image': image.astype(float) + 1e-9}, label", ["would lose values as float32"]),
    ("yield {'image': image * np.nan}, label", ["has NaN or infinity"]),
    ("yield {'image': image}, label[:-1]", ["inputs and labels of different length"]),
    ("yield {'image': image[:2]}, 'labels'", ["inputs and labels of different length"]),
    ("yield {'image': [[1], [2, 3]]}, label", ["data.validation"]),
    ("yield {'image': image[:2]}, [[1], [2, 3]]", ["data.validation", "label"]),
    ("yield {'image': None}, None", ["data.validation"]),
    ("yield {'image': image[:0]}, label[:0]", ["data.validation", "no rows"]),
    ("yield {1: image}, label", ["data.validation", "the model takes image"]),
    ("yield {'image': image[:2]}, None; yield {'image': image[2:]}, label[2:]", ["data.validation", "label"]),
]


@pytest.fixture
def refuse(refused, work):
    return lambda *holds: refused("run", work.job, "--json", holds=holds)


def script(work, name, text):
    work.write(name, text)


@pytest.mark.parametrize(("body", "holds"), RAISES)
def test_data_that_raises(refuse, work, body, holds):
    script(work, "data.py", YIELD.replace("{body}", body))
    work.set("data.validation", {"callable": "data.py:f"})
    refuse("data.validation.callable", *holds)


@pytest.mark.parametrize(("body", "holds"), GIVES)
def test_data_of_another_kind(refuse, work, body, holds):
    script(work, "data.py", YIELD.replace("{body}", body))
    work.set("data.validation", {"callable": "data.py:f"})
    refuse("data.validation", *holds)


def test_no_calibration_rows(refuse, work):
    body = "yield {'image': image[:0]}, label[:0]"
    script(work, "data.py", YIELD.replace("{body}", body))
    work.set("data.calibration", {"callable": "data.py:f"})
    refuse("data.calibration", "no rows")


FIELDS = {"data.validation": "data.validation.callable", "metric": "metric.callable"}


@pytest.mark.parametrize("field", FIELDS)
class TestMissing:
    def test_file(self, refuse, work, field):
        work.set(field, {"callable": "own.py:f"})
        refuse(FIELDS[field], "no file", "own.py", "file.py:function")

    def test_function(self, refuse, work, field):
        script(work, "own.py", "def g(): pass\ndef _h(): pass\nf = 3")
        work.set(field, {"callable": "own.py:f"})
        refuse(FIELDS[field], "own.py has no function 'f'", "it has g")

    def test_import_raises(self, refuse, work, field):
        script(work, "own.py", "\n\nraise KeyError('no key')")
        work.set(field, {"callable": "own.py:f"})
        refuse(FIELDS[field], "own.py:3", "KeyError: 'no key'")

    def test_import_exits(self, refuse, work, field):
        script(work, "own.py", "import sys\ndef f(*_): pass\nsys.exit(0)")
        work.set(field, {"callable": "own.py:f"})
        refuse(FIELDS[field], "own.py:3", "SystemExit")

    def test_syntax(self, refuse, work, field):
        script(work, "own.py", "def f(:\n  pass")
        work.set(field, {"callable": "own.py:f"})
        refuse(FIELDS[field], "own.py:1", "SyntaxError")

    def test_not_python(self, refuse, work, field):
        work.write("own.py", b"\x00\xff\xfe")
        work.set(field, {"callable": "own.py:f"})
        refuse(FIELDS[field], "own.py")

    def test_arguments(self, refuse, work, field):
        if field == "metric":
            pytest.skip("a metric is first called when it measures")
        script(work, "own.py", "def f(): pass")
        work.set(field, {"callable": "own.py:f"})
        refuse(FIELDS[field], "own.py", "TypeError", "f() takes 0 positional arguments")


METRICS = [
    ("raise ValueError('no boxes')", True, ["metric.py:3 in f", "ValueError: no boxes"]),
    ("return labels[0].nope", True, ["metric.py:3 in f", "AttributeError", "nope"]),
    ("return outputs['logit']", True, ["metric.py:3 in f", "KeyError: 'logit'"]),
    ("import sys; sys.exit(0)", True, ["metric.py:3 in f", "SystemExit"]),
    ("return np.ones(3)", True, ["gives scores of shape (3,) for 1 rows", "one per row"]),
    ("return 0.5", True, ["gave shape ()", "one score per sample"]),
    ("return None", True, ["one score per sample"]),
    ("return ['good']", True, ["one score per sample"]),
    ("return {'score': [1.0]}", True, ["one score per sample"]),
    ("return [[1.0], [2.0, 3.0]]", True, ["one score per sample"]),
    ("return [1j]", True, ["one score per sample"]),
    ("return [float('nan')]", True, ["NaN or infinity"]),
    ("return np.ones(len(labels))", False, ["decomposable is false", "one number for the whole split"]),
    ("return None", False, ["one number for the whole split"]),
    ("return 'good'", False, ["one number for the whole split"]),
    ("return {}", False, ["one number for the whole split"]),
    ("return float('inf')", False, ["NaN or infinity"]),
    ("raise ValueError('no boxes')", False, ["metric.py:3 in f", "ValueError: no boxes"]),
]


@pytest.mark.parametrize(("body", "decomposable", "holds"), METRICS)
def test_metric(refused, work, body, decomposable, holds):
    script(work, "metric.py", f"import numpy as np\ndef f(outputs, labels, reference):\n    {body}\n")
    work.set("metric", {"callable": "metric.py:f", "decomposable": decomposable})
    work.set("data.validation.samples", 20)
    refused("evaluate", work.job, "--model", work.folder / "fp32.onnx", holds=holds)


def test_metric_with_other_arguments(refused, work):
    script(work, "metric.py", "def f(outputs): pass")
    work.set("metric", {"callable": "metric.py:f"})
    holds = ("metric.callable", "metric.py", "TypeError", "takes 1 positional argument")
    refused("evaluate", work.job, "--model", work.folder / "fp32.onnx", holds=holds)


@pytest.mark.slow
def test_metric_that_raises_inside_the_pipeline(run_program, refused_late, work):
    """The step's own line reaches the user although the pipeline only knows that a task failed."""
    script(work, "metric.py", "def f(outputs, labels, reference):\n    raise ValueError('no boxes')\n")
    work.set("metric", {"callable": "metric.py:f"})
    work.set("recipes", [{"method": "dynamic"}])
    refused_late(
        run_program("run", work.job, "--json"), "metric.callable", "metric.py:2 in f", "ValueError: no boxes"
    )
    assert work.registered() == 0
