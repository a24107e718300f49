"""Rows that belong together: read from every kind of data, kept with the outcomes, and drawn together."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import yaml
from tokenizers import Tokenizer, models

from inc_mlflow.datasets.splits import SplitReader
from inc_mlflow.errors import DataError
from inc_mlflow.measure.gate.judge import judge
from inc_mlflow.measure.gate.power import split_power_at_best
from inc_mlflow.measure.stats.outcomes import Scoring, outcomes_of
from inc_mlflow.measure.stats.resample import draw_rows
from inc_mlflow.records import BASELINE, TensorSpec
from inc_mlflow.spec import CallableSplit, FileSplit, Job
from inc_mlflow.steps.prepare.check import check
from tests.support.gate_measurements import FAST, GATE, found, model
from tests.support.paths import EXAMPLE

INPUT = (TensorSpec(name="x", dtype="float32", shape=(None, 2)),)
SPEAKERS = np.array(["bo", "al", "al", "bo", "cy", "al"])
NUMBERS = [1, 0, 0, 1, 2, 0]
CODE = """
import numpy as np

def data(split):
    for start in (0, 4):
        rows = np.arange(6)[start : start + 4]
        yield {"x": np.ones((len(rows), 2), np.float32), "speaker": np.array(["bo", "al", "al", "bo", "cy", "al"])[rows]}, rows
"""


@pytest.fixture
def npz(tmp_path):
    np.savez(
        tmp_path / "a.npz",
        x=np.ones((6, 2), np.float32),
        label=np.arange(6),
        speaker=SPEAKERS,
        wide=np.ones((6, 2)),
    )
    return tmp_path


def reader(split, root, group="speaker"):
    return SplitReader("validation", split, root, INPUT, group)


def test_an_array_tells_the_groups_of_the_rows_that_are_chosen(npz):
    assert reader(FileSplit(path="a.npz"), npz).groups("speaker").tolist() == NUMBERS
    assert reader(FileSplit(path="a.npz", start=1, stop=4), npz).groups("speaker").tolist() == [0, 0, 1]


def test_a_callable_gives_them_beside_its_inputs_and_no_model_sees_them(tmp_path):
    (tmp_path / "own.py").write_text(CODE)
    own = reader(CallableSplit.model_validate({"callable": "own.py:data"}), tmp_path)
    assert own.groups("speaker").tolist() == NUMBERS
    assert [list(inputs) for inputs, _ in own.batches()] == [["x"], ["x"]]


def yielding(root, values, name="validation", group="speaker"):
    """A split of two rows from a callable that yields ``values`` beside the input."""
    (root / "own.py").write_text(
        f"import numpy as np\ndef data(split):\n    yield {{'x': np.ones((2, 2), np.float32), 'speaker': {values}}}, None\n"
    )
    return SplitReader(name, CallableSplit.model_validate({"callable": "own.py:data"}), root, INPUT, group)


PASSES = pytest.mark.parametrize(
    "read", [lambda own, group: own.groups(group), lambda own, _: list(own.batches())]
)
"""The pass for groups, and the pass over the batches."""


@PASSES
@pytest.mark.parametrize(
    ("values", "says"),
    [
        (
            "np.ones((2, 3), int)",
            r"'speaker' has shape \(2, 3\) in a batch of 2 rows; yield one value per row",
        ),
        (
            "np.ones((2, 1), int)",
            r"'speaker' has shape \(2, 1\) in a batch of 2 rows; yield one value per row",
        ),
        ("np.ones(3, int)", r"'speaker' has shape \(3,\) in a batch of 2 rows; yield one value per row"),
        ("np.array(['bo', None], object)", "'speaker' has object; give whole numbers or texts"),
        ("np.array([[1], [1, 2]], object)", "'speaker' has object; give whole numbers or texts"),
        (
            "np.array(['2024-01-01', 'NaT'], 'M8[D]')",
            r"'speaker' has datetime64\[D\]; give whole numbers or texts",
        ),
        ("np.ones(2)", "'speaker' has float64; give whole numbers or texts"),
    ],
)
def test_a_callable_gives_one_whole_number_or_text_per_row(tmp_path, read, values, says):
    with pytest.raises(DataError, match=f"^data.group: {says}$"):
        read(yielding(tmp_path, values), "speaker")


@PASSES
@pytest.mark.parametrize(("group", "hint"), [("spekar", r", did you mean 'speaker'\?"), ("xx", "")])
def test_a_callable_without_the_group_is_told_so_and_never_offered_what_the_model_takes(
    tmp_path, read, group, hint
):
    says = (
        f"^data.group: a batch has no {group!r} beside the inputs x, speaker{hint}; yield one value per row$"
    )
    with pytest.raises(DataError, match=says):
        read(yielding(tmp_path, "[1, 2]", group=group), group)


@pytest.mark.parametrize("name", ["calibration", "tuning"])
def test_only_validation_has_to_give_groups(tmp_path, name):
    (tmp_path / "own.py").write_text(
        "import numpy as np\ndef data(split):\n    yield {'x': np.ones((2, 2), 'f4')}, None\n"
    )
    own = SplitReader(
        name, CallableSplit.model_validate({"callable": "own.py:data"}), tmp_path, INPUT, "speaker"
    )
    assert [list(inputs) for inputs, _ in own.batches()] == [["x"]]
    assert [list(inputs) for inputs, _ in yielding(tmp_path, "np.ones(3)", name).batches()] == [["x"]]


def test_a_column_of_a_table_tells_them(tmp_path):
    Tokenizer(models.WordLevel({"hi": 0}, unk_token="hi")).save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "a.csv").write_text("\n".join(["text,speaker", *(f"hi,{one}" for one in SPEAKERS)]))
    transform = {"tokenizer": "tokenizer.json", "max_length": 2}
    split = FileSplit.model_validate({"path": "a.csv", "transform": transform})
    inputs = (TensorSpec(name="input_ids", dtype="int64", shape=(None, 2)),)
    table = SplitReader("validation", split, tmp_path, inputs)
    assert table.groups("speaker").tolist() == NUMBERS
    with pytest.raises(DataError, match=r"^data.group: a row has nothing in column 'talker'"):
        table.groups("talker")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("speakr", r"^data.group: no array 'speakr', did you mean 'speaker'\?; the file has"),
        ("wide", r"^data.group: array 'wide' has shape \(6, 2\); it needs one value of each of 6 rows"),
    ],
)
def test_a_group_that_is_not_there_is_one_line(npz, name, says):
    with pytest.raises(DataError, match=says):
        reader(FileSplit(path="a.npz"), npz).groups(name)


def test_numbers_with_a_point_are_no_groups(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.ones((2, 2), np.float32), speaker=np.array([0.5, 1.5]))
    with pytest.raises(DataError, match=r"^data.group: 'speaker' has float64; give whole numbers or texts"):
        reader(FileSplit(path="a.npz"), tmp_path).groups("speaker")


@pytest.fixture
def job(tmp_path):
    """Return the example's job with a group, whose validation file has ``arrays`` too."""

    def inner(group="speaker", metric="top1", **arrays):
        shutil.copytree(EXAMPLE, tmp_path, dirs_exist_ok=True)
        with np.load(EXAMPLE / "dev.npz") as there:
            np.savez(tmp_path / "dev.npz", **dict(there) | arrays)
        file = tmp_path / "job.yaml"
        spec = yaml.safe_load(file.read_text())
        spec["data"]["group"], spec["metric"] = group, metric
        file.write_text(yaml.safe_dump(spec))
        return Job.load(file)

    return inner


def speakers(count):
    """Speakers of the rows of the example's validation file."""
    with np.load(EXAMPLE / "dev.npz") as there:
        return np.arange(len(there["label"])) % count


@pytest.mark.parametrize(
    ("group", "array", "says"),
    [
        ("spekar", speakers(40), "no array 'spekar', did you mean 'speaker'"),
        ("speaker", speakers(40) / 2, "'speaker' has float64; give whole numbers or texts"),
        ("speaker", np.stack([speakers(40)] * 2, 1), r"array 'speaker' has shape \(\d+, 2\)"),
        ("speaker", speakers(40)[1:], r"array 'speaker' has shape \(\d+,\); it needs one value"),
    ],
)
def test_groups_are_checked_before_any_work(job, group, array, says):
    with pytest.raises(DataError, match=f"^data.group: {says}"):
        check(job(group, speaker=array))


@pytest.mark.parametrize("metric", ["top1", "f1_macro"])
def test_the_plan_counts_groups_and_never_right_or_wrong_rows(job, metric):
    plan = check(job(metric=metric, speaker=speakers(40))).notes[-1]
    assert plan.startswith("40 validation groups of speaker, allowed drop ")
    assert ": even an unchanged model can only be shown to lose at most " in plan
    assert plan.endswith(" groups of speaker could show it")
    assert "rows" not in plan
    assert "disagreement" not in plan


def test_as_many_groups_as_the_plan_asks_for_can_pass():
    """What it says of few groups is what the gate then says of candidates that change nothing."""
    for count in (298, 299):
        passes = "none can pass" not in split_power_at_best(count, GATE, unit="groups of speaker")
        same = found(
            {BASELINE: np.ones(10 * count), "int8": np.ones(10 * count)}, {"int8": FAST}, group="speaker"
        )
        measured = {"local": replace(same, groups=np.repeat(np.arange(count), 10))}
        (row,) = judge([model(BASELINE), model("int8")], measured, GATE).table[1:]
        assert (row.verdict == "pass") == passes


def test_whole_groups_are_drawn_and_all_rows_come_as_often():
    groups = np.array(NUMBERS)
    drawn = draw_rows({"x": np.zeros(6)}, None, groups)
    for rows in drawn:
        counts = np.bincount(rows, minlength=6)
        assert all(len(set(counts[groups == group])) == 1 for group in range(3))
    assert np.bincount(np.concatenate(drawn)).min() > 800  # of 1,000 resamples


def test_a_metric_of_all_rows_is_resampled_by_groups_and_spreads_more():
    random = np.random.default_rng(1)
    right = np.repeat(random.random(40) < 0.8, 10).astype(float)
    scoring = Scoring(lambda o, _: o, lambda kept, _: float(kept["right"].mean()), decomposable=False)
    kept = {BASELINE: {"right": right}}
    apart = outcomes_of(kept, BASELINE, scoring, 1)[BASELINE].replicates.std()
    together = outcomes_of(kept, BASELINE, scoring, 1, groups=np.repeat(np.arange(40), 10))[
        BASELINE
    ].replicates.std()
    assert together == pytest.approx(np.sqrt(10) * apart, rel=0.15)


def test_a_metric_that_pairs_rows_itself_takes_no_groups():
    pairs = Scoring(
        lambda o, _: o,
        lambda kept, _: float(kept["right"].mean()),
        decomposable=False,
        group=lambda kept: {"right": kept["right"].reshape(-1, 2).mean(axis=1)},
    )
    with pytest.raises(DataError, match=r"^data.group: the metric puts rows together itself"):
        outcomes_of({BASELINE: {"right": np.ones(6)}}, BASELINE, pairs, 1, groups=np.array(NUMBERS))


def measured(groups, **changes):
    """A candidate that loses one speaker of forty."""
    right = np.ones(400)
    right[:10] = 0
    return found({BASELINE: np.ones(400), "int8": right}, {"int8": FAST}, group="speaker", **changes), groups


def test_the_gate_counts_speakers_not_rows():
    one, groups = measured(np.repeat(np.arange(40), 10))
    judged = judge([model(BASELINE), model("int8")], {"local": replace(one, groups=groups)}, GATE)
    row = judged.table[1]
    assert row.verdict == "inconclusive"
    assert "groups of speaker would decide, validation has 40" in row.reasons[0]
    plain = found({BASELINE: np.ones(400), "int8": one.outcomes["int8"]}, {"int8": FAST})
    alone = judge([model(BASELINE), model("int8")], {"local": plain}, GATE).table[1]
    assert row.relative_drop.high > 2 * alone.relative_drop.high


@pytest.mark.parametrize(
    "groups",
    [
        None,
        np.repeat(np.arange(40), 10).astype(float),
        np.repeat(np.arange(1, 41), 10),
        np.arange(399),
        np.repeat([0, 2], 200),
    ],
)
def test_groups_that_are_not_those_of_an_evaluation_are_refused(groups):
    one, _ = measured(None)
    with pytest.raises(DataError, match=r"^gate: the (evaluation|groups) on pool 'local'"):
        judge([model(BASELINE), model("int8")], {"local": replace(one, groups=groups)}, GATE)


def test_a_group_that_the_model_reads_too_stays_its_input(tmp_path):
    both = (*INPUT, TensorSpec(name="speaker", dtype="int64", shape=(None,)))
    code = CODE.replace('np.array(["bo", "al", "al", "bo", "cy", "al"])', "np.array([1, 0, 0, 1, 2, 0])")
    (tmp_path / "own.py").write_text(code)
    own = SplitReader(
        "validation", CallableSplit.model_validate({"callable": "own.py:data"}), tmp_path, both, "speaker"
    )
    assert own.groups("speaker").tolist() == NUMBERS
    assert [sorted(inputs) for inputs, _ in own.batches()] == [["speaker", "x"]] * 2
