"""What runs say of models: notes, numbers, and the picture of the judgement."""

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.measure.gate.judge import judge
from inc_mlflow.records import BASELINE, Interval, JudgementRecord, MetricFacts, Row, Speed
from inc_mlflow.reports.tradeoff import draw_tradeoff
from inc_mlflow.spec import GateSpec, emulated_pool
from inc_mlflow.tracking.runs.notes import job_note, pool_note, promotion_command, row_note
from inc_mlflow.tracking.runs.numbers import own_names, pool_metrics, row_metrics, standing_metrics
from tests.support.gate_measurements import FAIL, FAST, PASS, SLOW, UNSURE, measured, model
from tests.support.several_metrics import by_two

TOP1 = MetricFacts(name="top1", higher_is_better=True)
MODELS = [model(BASELINE), model("best"), model("good"), model("unsure"), model("bad")]
ACCURACY = {"best": PASS, "good": PASS, "unsure": UNSURE, "bad": FAIL}
SPEED = {"best": FAST, "good": Interval(value=1.5, low=1.4, high=1.6), "unsure": FAST, "bad": FAST}


def judged(**pools):
    found = pools or {"local": measured(ACCURACY, SPEED)}
    judgement = judge(MODELS, found, GateSpec())
    return judgement, {row.recipe: row for row in judgement.table}, found


def test_the_best_that_passes_has_the_command_in_its_second_line():
    judgement, rows, _ = judged()
    expected = ["pass: drop 0 %, 2.00x on local  ", "`inc-mlflow promote --run r`", ""]
    assert row_note(judgement, rows["best"], "r").splitlines()[:3] == expected
    assert job_note(judgement, "r").splitlines()[:2] == [
        "pass: best, drop 0 %, 2.00x on local  ",
        expected[1],
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("good", "`inc-mlflow promote --run r` promotes best, which is better."),
        ("bad", "No command promotes it: it fails."),
        ("unsure", "No command promotes it: it is inconclusive, and only what passes is promoted."),
        (BASELINE, "No command promotes it: it is what candidates are compared with."),
    ],
)
def test_others_say_honestly_what_the_command_would_do(name, said):
    judgement, rows, _ = judged()
    assert promotion_command(judgement, rows[name], "r") == said


def test_where_lower_is_better_a_loss_is_a_rise_and_the_metric_has_its_name():
    found = measured(ACCURACY | {"bad": (0, 80)}, SPEED, higher_is_better=False, metric="wer")
    judgement, rows, _ = judged(local=found)
    assert row_note(judgement, rows["bad"], "r").startswith("fail: rise 4.44 %, 2.00x on local")
    assert row_note(judgement, rows[BASELINE], "r").startswith("baseline: wer 0.9000, ")
    assert "| recipe | wer | rise | speed-up | size | verdict |" in job_note(judgement, "r")
    assert "rise of wer, relative to the baseline" in draw_tradeoff(judgement, GateSpec())
    texts = [job_note(judgement, "r"), draw_tradeoff(judgement, GateSpec())]
    texts += [row_note(judgement, row, "r") for row in rows.values()]
    assert not any("drop" in text or "accuracy" in text for text in texts)


def test_of_several_pools_each_may_have_another_champion():
    here, there = (
        measured(ACCURACY, SPEED),
        measured(ACCURACY, SPEED | {"bad": FAST, "good": SLOW}, pool="arm"),
    )
    judgement, rows, _ = judged(local=here, arm=there)
    assert row_note(judgement, rows["good"], "r").startswith(
        "fail: drop 0 %, 1.50x on local, 0.80x on arm  \n"
    )
    assert promotion_command(judgement, rows["good"], "r").endswith(
        "gives it the alias of local where it is the fastest that passes there."
    )
    assert "alias" not in promotion_command(judgement, rows["bad"], "r")


def test_an_emulated_pool_has_no_speed():
    pool = emulated_pool("x86-avx2")
    emulated = measured(ACCURACY, SPEED, pool=pool)
    emulated = type(emulated)(emulated.evaluation, emulated.outcomes, None)
    judgement, rows, pools = judged(local=measured(ACCURACY, SPEED), **{pool: emulated})
    numbers = pool_metrics(rows["best"], pool, pools[pool], 2000.0)
    assert not {name for name in numbers if "speed" in name or name.endswith("_ms")}
    assert numbers["standing"] == 2000
    assert "no speed" not in row_note(judgement, rows["best"], "r").splitlines()[0]
    assert pool_note(judgement, rows["best"], pool, "r", None).startswith(
        f"pass: drop 0 %, no speed on {pool}  \n"
    )


def test_numbers_of_the_row_and_of_its_only_pool_are_the_same():
    _, rows, pools = judged()
    speed = Speed(samples_per_second=10.0, p50_ms=1.0, p90_ms=2.0, p99_ms=3.0, p99_9_ms=4.0, peak_rss_bytes=5_000_000,
                  instance_rss_bytes=(5_000_000,), size_bytes=9)  # fmt: skip
    benchmark = pools["local"].benchmark.model_copy(
        update={"models": {"best": speed}, "source_speedup": {"best": rows["best"].source_speedup or FAST}}
    )
    local = type(pools["local"])(pools["local"].evaluation, pools["local"].outcomes, benchmark)
    row = rows["best"].model_copy(update={"source_speedup": FAST})
    assert row_metrics(row, local, 2001.9) == pool_metrics(row, "local", local, 2001.9)
    assert row_metrics(row, local, 2001.9) == {
        "top1": 0.9,
        "accuracy": 0.9, "accuracy_low": row.accuracy.low, "accuracy_high": row.accuracy.high,
        "relative_drop": 0.0, "relative_drop_low": row.relative_drop.low, "relative_drop_high": row.relative_drop.high,
        "speedup": 2.0, "speedup_low": 1.9, "speedup_high": 2.1,
        "source_speedup": 2.0, "source_speedup_low": 1.9, "source_speedup_high": 2.1,
        "samples_per_second": 10.0, "p50_ms": 1.0, "p90_ms": 2.0, "p99_ms": 3.0, "peak_rss_mb": 5.0, "size_mb": 100 / 1e6,
        "standing": 2001.9,
    }  # fmt: skip


@pytest.mark.parametrize("metric", ["speedup", "accuracy", "p99_ms", "standing", "größe", "a`b"])
def test_a_metric_whose_name_is_taken_or_no_name_replaces_no_number(metric):
    found = measured(ACCURACY, SPEED, metric=metric)
    _, rows, _ = judged(local=found)
    assert row_metrics(rows["best"], found).keys() == row_metrics(
        rows["best"], measured(ACCURACY, SPEED)
    ).keys() - {"top1"}
    assert row_metrics(rows["best"], found)["speedup"] == 2.0


def test_what_passes_stands_before_what_does_not_however_fast():
    judgement, rows, _ = judged()
    standing = standing_metrics(judgement.candidates)
    names = {row.sha256: name for name, row in rows.items()}
    assert rows[BASELINE].sha256 not in standing
    assert [names[one] for one in sorted(standing, key=lambda one: -standing[one])] == [
        "best",
        "good",
        "unsure",
        "bad",
    ]


def picture(*candidates, gate=None):
    def row(label, drop, speedup, verdict):
        return Row(recipe=label, engine="one", path="", sha256=label, accuracy=Interval.exact(0.9),
                   relative_drop=drop, speedup=speedup,
                   source_speedup=None, size_bytes=1, verdict=verdict, reasons=(), per_pool={})  # fmt: skip

    table = (
        row(BASELINE, Interval.exact(0.0), Interval.exact(1.0), None),
        *(row(*one) for one in candidates),
    )
    judgement = JudgementRecord(
        verdict="pass", reasons=(), metric=TOP1, table=table, confidence=0.95, policy_sha256="p"
    )
    return ElementTree.fromstring(draw_tradeoff(judgement, gate or GateSpec()))


def named(svg, tag):
    return [one for one in svg if one.tag.endswith(f"}}{tag}")]


def test_the_picture_names_every_candidate_and_marks_those_with_numbers():
    svg = picture(("a <b> & c", Interval.exact(0.002), FAST, "pass"), ("broken", None, None, "fail"))
    texts = [one.text for one in named(svg, "text")]
    assert "1: a <b> & c, drop 0.2 %, 2.00x: pass" in texts
    assert "2: broken, no drop known, no speed: fail" in texts
    assert len(named(svg, "circle")) == 2


@given(
    drop=st.floats(-5, 5),
    speed=st.floats(0.01, 500),
    width=st.floats(0, 1),
    limit=st.sampled_from([0.0, 1e-4, 0.01, 0.5]),
    needed=st.floats(0.1, 50),
)
def test_whatever_was_measured_lies_inside_the_picture(drop, speed, width, limit, needed):
    loss = Interval(value=drop, low=drop - width, high=drop + width)
    ratio = Interval(value=speed, low=speed * (1 - width / 2), high=speed * (1 + width))
    gate = GateSpec(max_relative_drop=limit, min_speedup=needed)
    for circle in named(picture(("one", loss, ratio, "pass"), gate=gate), "circle"):
        assert 80 <= float(circle.get("cx")) <= 730
        assert 50 <= float(circle.get("cy")) <= 380


@given(speed=st.floats(1.1, 100))
def test_faster_lies_further_right_and_a_larger_drop_further_down(speed):
    svg = picture(
        ("a", Interval.exact(0.001), Interval.exact(speed), "pass"),
        ("b", Interval.exact(0.004), FAST, "pass"),
    )
    baseline, one, other = (
        (float(point.get("cx")), float(point.get("cy"))) for point in named(svg, "circle")
    )
    assert one[0] > baseline[0]
    assert baseline[1] < one[1] < other[1]


@pytest.mark.parametrize(
    ("metrics", "names"),
    [
        (["top1"], ("top1",)),
        (["f1", "exact_match"], ("f1", "exact_match")),
        (["speedup", "p99_ms", "größe"], ("accuracy", "metric_2", "metric_3")),
        (["f1", "f1_low"], ("f1", "metric_2")),
        (["f1_relative_drop", "f1"], ("f1_relative_drop", "metric_2")),
        (["a", "metric_2"], ("a", "metric_2")),
    ],
)
def test_numbers_of_several_metrics_have_names_that_no_other_number_has(metrics, names):
    assert own_names(metrics) == names


def test_notes_and_numbers_have_every_metric():
    found = by_two(ACCURACY, dict.fromkeys(ACCURACY, PASS), SPEED)
    judgement, rows, _ = judged(local=found)
    numbers = row_metrics(rows["best"], found)
    assert {numbers[f"exact_match{end}"] for end in ("", "_low", "_high")} >= {0.9}
    assert numbers["exact_match_relative_drop_high"] == rows["best"].metrics["exact_match"].relative_drop.high
    note = job_note(judgement, "r")
    assert note.startswith("pass: best, top1 drop 0 %, exact_match drop 0 %, 2.00x on local")
    assert "| recipe | top1 | drop | exact_match | drop | speed-up | size | verdict |" in note
    assert row_note(judgement, rows[BASELINE], "r").startswith("baseline: top1 0.9000, exact_match 0.9000, ")
    assert "exact_match drop 0 %" in pool_note(judgement, rows["best"], "local", "r", None)
