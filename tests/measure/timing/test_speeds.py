"""Which models a benchmark compares: INT8 has to beat the fastest FP32 that any engine offers."""

from inc_mlflow.measure.timing.speeds import compared, fastest_baseline, own_baselines
from inc_mlflow.records import BASELINE, SOURCE, Model

OTHER = f"{BASELINE} other"
SECONDS = {BASELINE: 0.004, OTHER: 0.003, SOURCE: 0.001, "int8": 0.002}


def test_the_fastest_baseline_is_the_one_that_takes_the_least_time():
    assert fastest_baseline(SECONDS) == OTHER
    assert fastest_baseline(SECONDS | {OTHER: 0.005}) == BASELINE


def test_neither_the_source_nor_a_candidate_is_a_baseline_however_fast_it_is():
    assert fastest_baseline(SECONDS | {SOURCE: 1e-6, "int8": 1e-6}) == OTHER


def test_every_other_model_is_compared_with_the_fastest_baseline_and_with_the_source():
    assert compared(SECONDS) == {OTHER: [BASELINE, "int8"], SOURCE: [BASELINE, OTHER, "int8"]}


def test_where_the_source_does_not_run_nothing_is_compared_with_it():
    assert list(compared({BASELINE: 1.0, "int8": 0.5})) == [BASELINE]


def models(*pairs):
    return [Model(label=label, engine=engine, path="", sha256="", size_bytes=1) for label, engine in pairs]


def test_a_candidate_is_also_compared_with_the_baseline_of_its_own_engine():
    made = models((BASELINE, "one"), (OTHER, "other"), ("a", "one"), ("b", "other"), (SOURCE, "one"))
    assert own_baselines(made, [one.label for one in made]) == {"a": BASELINE, "b": OTHER}
    assert own_baselines(made, [BASELINE, "a", "b"]) == {"a": BASELINE}, "what was not measured has no ratio"


def test_with_one_engine_no_second_ratio_is_said():
    assert own_baselines(models((BASELINE, "one"), ("a", "one")), [BASELINE, "a"]) == {}
