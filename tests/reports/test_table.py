"""What a person sees at the end, on standard output."""

import copy

import pytest

from inc_mlflow.reports.table import print_result


def interval(value, low=None, high=None):
    return {"value": value, "low": value if low is None else low, "high": value if high is None else high}


BASELINE = {
    "recipe": "baseline",
    "engine": "onnxruntime",
    "path": "/jobs/baseline.onnx",
    "accuracy": interval(0.9112, 0.9, 0.92),
    "relative_drop": interval(0.0),
    "speedup": interval(1.0),
    "source_speedup": interval(1.1, 1.0, 1.2),
    "size_bytes": 397980,
    "verdict": None,
    "per_pool": {"local": {"relative_drop": interval(0.0)}},
}
INT8 = BASELINE | {
    "recipe": "static u8s8 per-channel",
    "path": "/jobs/int8.onnx",
    "relative_drop": interval(0.008, 0.0021, 0.0145),
    "speedup": interval(1.62, 1.61, 1.64),
    "size_bytes": 101_000,
    "verdict": "pass",
}
NOTHING = dict.fromkeys(("accuracy", "relative_drop", "speedup", "source_speedup"))
REJECTED = INT8 | NOTHING | {"verdict": "fail", "size_bytes": None, "per_pool": {}}
FAILED = INT8 | NOTHING | {"recipe": "dynamic s8", "verdict": "fail"}
PROMOTED = {
    "registered_model": "digits",
    "version": "3",
    "aliases": ["int8-champion"],
    "protections": [
        {"what": "speed", "holds": "advisory", "why": ""},
        {"what": "accuracy", "holds": "enforced", "why": ""},
    ],
}
RESULT = {
    "verdict": "pass",
    "reasons": ["top1 drops by 0.8 %", "1.62x as fast"],
    "metric": {"name": "top1", "higher_is_better": True},
    "metrics": [{"name": "top1", "higher_is_better": True}],
    "champion": INT8 | PROMOTED,
    "best": INT8,
    "table": [BASELINE, INT8, FAILED],
    "tracking": {
        f"{name}_url": f"http://127.0.0.1:5000/#/{name}[/]"
        for name in ("experiment", "leaderboard", "tradeoff")
    },
}


@pytest.fixture
def shown(capsys):
    def show(**changes):
        print_result(copy.deepcopy(RESULT | changes), {})
        return capsys.readouterr().out.replace("\u00a0", " ")

    return show


def test_every_row_is_shown_with_its_numbers(shown):
    lines = shown().splitlines()
    assert lines[0].split() == ["recipe", "top1", "drop", "speed-up", "vs", "source", "size", "verdict"]
    assert lines[1].split() == ["baseline", "0.9112", "0", "%", "1.00x", "1.10x", "398", "kB"]
    for cell in ("static u8s8 per-channel", "0.8 % [0.21, 1.45]", "1.62x [1.61, 1.64]", "101 kB", "pass"):
        assert cell in lines[2]


def test_where_lower_is_better_the_column_of_losses_is_that_of_rises(shown):
    lines = shown(metrics=[{"name": "word_error_rate", "higher_is_better": False}]).splitlines()
    assert lines[0].split()[:3] == ["recipe", "word_error_rate", "rise"]


def test_the_drop_on_every_further_pool_is_shown(shown):
    def pools(row, *drops):
        per_pool = [{"relative_drop": drop and interval(drop)} for drop in drops]
        return row | {"per_pool": dict(zip(("local", "emulated x86-avx2"), per_pool, strict=True))}

    text = shown(table=[pools(BASELINE, 0.0, 0.0), pools(INT8, 0.005, 0.106), pools(FAILED, 0.2, None)])
    row = next(line for line in text.splitlines() if line.startswith("static"))
    assert row.split()[-3:] == ["pass", "10.6", "%"]
    assert next(line for line in text.splitlines() if line.startswith("dynamic")).split()[-2:] == [
        "fail",
        "-",
    ]
    header = " ".join(text.partition("baseline")[0].split())
    assert all(word in header for word in ("drop on", "emulated", "x86-avx2"))


def test_the_verdict_its_reasons_and_the_champion_follow(shown):
    text = shown()
    assert "pass: static u8s8 per-channel\n  top1 drops by 0.8 %\n  1.62x as fast\n" in text
    assert "Champion: digits version 3, alias int8-champion\nFile: /jobs/int8.onnx\n" in text
    assert "\nNot independently verified: speed (docs/threats.md)\n" in text
    at = "http://127.0.0.1:5000/#/"
    assert text.endswith(
        f"MLflow: {at}experiment[/]\nleaderboard: {at}leaderboard[/]\ntrade-off: {at}tradeoff[/]\n"
    )


def test_what_could_not_be_measured_is_said_and_is_no_crash(shown):
    failed = next(line for line in shown().splitlines() if line.startswith("dynamic s8"))
    assert failed.split() == ["dynamic", "s8", "no", "number", "-", "-", "-", "101", "kB", "fail"]


def test_why_a_recipe_has_no_model_is_said_once(shown):
    first, second = ({"recipe": name, "reasons": [f"recipe {name!r}: no layer"]} for name in ("a", "b"))
    rows = [REJECTED | first, REJECTED | second]
    without = shown(table=[BASELINE, INT8, *rows])
    assert without.count("\nrejected: recipe 'a': no layer\nrejected: recipe 'b': no layer\n") == 1
    reasons = [*first["reasons"], *second["reasons"]]
    alone = shown(verdict="fail", champion=None, best=rows[0], reasons=reasons, table=[BASELINE, *rows])
    assert "\n  recipe 'a': no layer\n  recipe 'b': no layer\nNothing" in alone
    assert alone.count("no layer") == 2


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        ("fail", "Nothing was promoted: keep FP32, or the present champion."),
        ("inconclusive", "Nothing was promoted."),
    ],
)
def test_without_a_champion_nothing_was_promoted(shown, verdict, text):
    lines = shown(verdict=verdict, champion=None, best=FAILED).splitlines()
    assert text in lines
    assert f"{verdict}: dynamic s8" in lines


def test_reasons_with_brackets_stand_as_they_are(shown):
    assert "  [red]not markup[/red] [/x]\n" in shown(reasons=["[red]not markup[/red] [/x]"])


def test_a_piped_table_has_no_colours_and_no_broken_rows(shown):
    text = shown()
    assert "\x1b" not in text
    assert len(text.splitlines()) == 13


@pytest.mark.parametrize("name", ["/jobs/[old]/int8.onnx", "/jobs/[/b]"])
def test_names_with_brackets_stand_as_they_are(shown, name):
    row = INT8 | PROMOTED | {"path": name}
    text = shown(champion=row, table=[BASELINE, INT8 | {"recipe": name}])
    assert text.count(name) == 2


def test_what_no_server_has_yet_is_shown_without_links(shown):
    text = shown(champion=None, tracking=None)
    assert "static u8s8 per-channel" in text
    assert text.endswith("Nothing was promoted.\n")


def test_every_metric_has_its_columns_and_what_has_no_number_says_so(shown):
    names = [{"name": name, "higher_is_better": True} for name in ("top1", "exact_match")]
    found = {"accuracy": INTERVAL, "relative_drop": INTERVAL, "verdict": "pass"}
    table = [row | {"metrics": {"exact_match": found}} for row in RESULT["table"]]
    table[-1]["metrics"] = {"exact_match": found | {"accuracy": None, "relative_drop": None}}
    lines = shown(metrics=[*names], table=table).splitlines()
    assert lines[0].split()[:5] == ["recipe", "top1", "drop", "exact_match", "drop"]
    assert lines[1].split()[4:8] == ["0.5000", "50", "%", "[40,"]
    assert any("no number" in line for line in lines)


INTERVAL = {"value": 0.5, "low": 0.4, "high": 0.6}


def test_where_there_are_several_engines_the_verdict_names_its_own_and_a_second_ratio_stands(shown):
    other = BASELINE | {"recipe": "baseline openvino", "engine": "openvino", "engine_speedup": None}
    best = INT8 | {"recipe": "bf16", "engine": "openvino", "engine_speedup": interval(1.5, 1.4, 1.6)}
    rows = [BASELINE | {"engine_speedup": None}, other, best]
    lines = shown(best=best, table=rows).splitlines()
    assert "vs own engine" in lines[0]
    assert "1.50x [1.40, 1.60]" in lines[3]
    assert "pass: bf16 on openvino" in lines
