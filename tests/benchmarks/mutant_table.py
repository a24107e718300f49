"""Changes of search, timing and gate that would do harm: each has to turn its tests red.

A title says what would go wrong. An ``equivalent`` change does no harm, for the reason that it gives.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One change of one file, whose ``text`` stands there exactly once, and the test files that must notice."""

    title: str
    file: str
    text: str
    replacement: str
    tests: tuple[str, ...]
    equivalent: str = ""


def _of(file: str, tests: str, *changes: tuple[str, ...]) -> Iterator[Mutant]:
    """Yield mutants of one module of the package, noticed by the same ``tests``: (title, text, replacement)."""
    files = tuple(f"tests/{name}.py" for name in tests.split())
    for title, text, replacement, *equivalent in changes:
        yield Mutant(title, f"inc_mlflow/{file}.py", text, replacement, files, *equivalent)


MUTANTS = (
    *_of(
        "search/strategy",
        "search/test_strategy",
        ("slow methods are refined", "_WORTH = 0.85", "_WORTH = 0.1"),
        ("only the fastest method is refined", "_WORTH = 0.85", "_WORTH = 1.0"),
        ("one miss ends the search for slower nodes", "_PATIENCE = 2", "_PATIENCE = 1"),
        ("misses never end the search for slower nodes", "_PATIENCE = 2", "_PATIENCE = 99"),
        ("wrong outputs count as exact", "_NEAR = 0.02", "_NEAR = 9.0"),
        ("exact outputs count as wrong", "_NEAR = 0.02", "_NEAR = 0.0"),
        ("only one node goes back to FP32", "_FALLBACKS = (1, 2, 4, 8, 16)", "_FALLBACKS = (1,)"),
        ("never more than a few nodes go back", "_FALLBACKS = (1, 2, 4, 8, 16)", "_FALLBACKS = (1, 2, 4)"),
        ("what is left is not profiled again", "_ROUNDS = 3", "_ROUNDS = 1"),
        ("profiling never ends", "_ROUNDS = 3", "_ROUNDS = 99"),
        ("noise counts as a gain", "_GAIN = 0.01", "_GAIN = 0.0"),
        ("a clear gain counts as noise", "_GAIN = 0.01", "_GAIN = 0.5"),
        ("nothing is tried at first", "in space.first():", "in ():"),
        ("slower nodes stay INT8", "        _leave_slower_nodes(base, space, runner)\n", "        pass\n"),
        ("no refinement is tried", "in space.refinements():", "in ():"),
        ("only the first refinement is tried", "in space.refinements():", "in space.refinements()[:1]:"),
        ("only the last refinement is tried", "in space.refinements():", "in space.refinements()[1:]:"),
        (
            "sensitive nodes stay INT8",
            "        _leave_sensitive_nodes(base, space, runner)\n",
            "        pass\n",
        ),
        ("speed lost to FP32 nodes is ignored", "< _WORTH * _speed(base):", "< 0:"),
        ("what the first pass protects moves nobody up", "while tried != len(", "if tried != len("),
        ("nothing is protected", "in shortlist(accepted(runner.trials)):", "in ():"),
        ("without an accepted trial none is refined", "] or shortlist(trials)", "]"),
        ("the most exact recipe of a method is refined", "in front(found)[:1]]", "in front(found)[-1:]]"),
        ("every sensitive node may go back", "if count <= len(nodes) // 2", "if count <= len(nodes)"),
    ),
    *_of(
        "engines/onnxruntime/space",
        "engines/onnxruntime/test_space",
        (
            "recovery of accuracy is no phase",
            "return self._calibrations, self._recoveries",
            "return (self._calibrations,)",
        ),
        (
            "calibration is no phase",
            "return self._calibrations, self._recoveries",
            "return (self._recoveries,)",
        ),
        ("calibration methods are left out", '("percentile", "entropy", "mse")', '("percentile",)'),
        (
            "bias correction alone is not tried",
            '        yield recipe.model_copy(update={"bias_correction": True})\n',
            "",
        ),
        ("SmoothQuant is not tried", '"LayerNormalization" in self.graph.present', "False"),
        (
            "a Relu stays INT8 behind an FP32 node",
            "for one in (name, followers.get(name))",
            "for one in (name,)",
        ),
        ("convolutions are quantised dynamically", 'if not name.startswith("Conv")', "if name"),
        ("all weights are narrowed everywhere", "if everywhere else None", "if True else None"),
        ("products of activations are always INT8", "if graph.products:", "if False:"),
    ),
    *_of(
        "search/front",
        "search/test_front",
        ("noise in speed decides", "NOISE = 0.02", "NOISE = 0.0"),
        ("clear differences in speed count as noise", "NOISE = 0.02", "NOISE = 0.5"),
        ("slow second choices go to the gate", "NEARLY = 0.95", "NEARLY = 0.1"),
        ("the gate gets one candidate", "SHORTLIST = 3", "SHORTLIST = 1"),
        ("the gate gets any number of candidates", "SHORTLIST = 3", "SHORTLIST = 99"),
        ("rejected trials are accepted", "if trial.rejected is None]", "]"),
        (
            "an unprotected form stays beside its protected one",
            "or trial.recipe not in protected]",
            "or True]",
        ),
        ("a drop within the limit counts as sure", "relative_drop.high <=", "relative_drop.value <="),
        (
            "the least bad trial is the fastest",
            "(_speed(one) < 1, *_loss(one), -_speed(one))",
            "-_speed(one)",
        ),
        (
            "luck on a few rows decides",
            "max(0.0, trial.relative_drop.low)",
            "max(0.0, trial.relative_drop.value)",
        ),
    ),
    *_of(
        "search/budget",
        "search/test_budget",
        ("nothing is kept for the end", "self.limit.cpu_seconds * self.share", "self.limit.cpu_seconds"),
        ("no seconds are kept for the end", "self.limit.seconds * self.share", "self.limit.seconds"),
        ("what was spent does not count", "self.used += cost", "pass"),
        ("a trial may go beyond the budget", "if self._beyond(expected):", "if self._beyond(Cost()):"),
    ),
    *_of(
        "measure/timing/ratio",
        "measure/timing/test_generations measure/timing/test_ratio_and_cpu_time measure/timing/test_rounds",
        ("the median stands for the least time", "LOW_QUANTILE = 0.05", "LOW_QUANTILE = 0.5"),
        ("one glitch of the clock decides", "LOW_QUANTILE = 0.05", "LOW_QUANTILE = 0.0"),
        ("benchmarks repeat perfectly", "CPU_TIME_REPEATABILITY = 0.01\n", "CPU_TIME_REPEATABILITY = 0.0\n"),
        ("busy caches are ignored", "BUSY_CACHE_REPEATABILITY = 0.05", "BUSY_CACHE_REPEATABILITY = 0.01"),
        ("wall time repeats perfectly", "WALL_TIME_REPEATABILITY = 0.017", "WALL_TIME_REPEATABILITY = 0.0"),
        ("neighbours are not noticed", "BUSY_CACHE = 0.10", "BUSY_CACHE = 0.90"),
        ("unknown neighbours count as none", "len(known) == len(neighbours)", "True"),
        ("slow changes of the machine are ignored", "SLOW_CHANGE = 0.3", "SLOW_CHANGE = 0.0"),
        ("CPU times that contradict are believed", "CPU_TIME_WIDEST = 0.25", "CPU_TIME_WIDEST = 9.0"),
        ("rounds that contradict are believed", "WALL_TIME_WIDEST = 0.10", "WALL_TIME_WIDEST = 9.0"),
        ("an overloaded model has a latency", "MOST_DEMAND = 0.9", "MOST_DEMAND = 9.0"),
        (
            "the spread of processes is ignored",
            "generations.var(ddof=1)) * (1",
            "generations.var(ddof=1)) * 0 * (1",
        ),
        ("the spread of batches is ignored", "np.log(slow_least / fast_least).std(ddof=1)", "0.0"),
        ("an overloaded baseline is compared with", "if baseline in overloaded or (", "if ("),
    ),
    *_of(
        "measure/timing/cpu_time",
        "measure/timing/test_schedule measure/timing/test_generations",
        ("processes start once", "GENERATIONS = 5", "GENERATIONS = 1"),
        ("processes start too seldom for the gate's bounds", "GENERATIONS = 5", "GENERATIONS = 3"),
        ("slow models are timed a few times", "\nROUNDS = (20, 400)", "\nROUNDS = (5, 400)"),
        ("small models run with cold caches", "\nTURN_SECONDS = 0.02", "\nTURN_SECONDS = 0.0"),
        ("benchmarks are over at once", "\nSECONDS = 4.5", "\nSECONDS = 0.1"),
        ("a trial is timed once", "TRIAL_ROUNDS = (8, 200)", "TRIAL_ROUNDS = (1, 200)"),
        ("one model always runs first", "yield [*order[first:], *order[:first]]", "yield [*order]"),
        (
            "a trial makes more rounds than it can use",
            "TRIAL_ROUNDS = (8, 200)",
            "TRIAL_ROUNDS = (8, 400)",
            "a turn lasts at least 5 ms, of two models 10 ms, and 0.9 s are spent: that is 90 rounds",
        ),
    ),
    *_of(
        "measure/timing/wall_time",
        "measure/timing/test_rounds measure/timing/test_schedule measure/timing/test_common_window",
        ("disturbed rounds are not made good", "MOST_ROUNDS = 60", "MOST_ROUNDS = 20"),
        ("a turn is over before all instances run", "TURN_SECONDS = 0.2", "TURN_SECONDS = 0.0"),
        ("a slow model makes one call", "CALLS = 5", "CALLS = 1"),
        ("a round has one arrival", "ARRIVALS = 30", "ARRIVALS = 1"),
        ("instances that ran apart count", "_APART = 0.5", "_APART = 9.0"),
        ("the edges of a turn count as load", "_APART = 0.5", "_APART = 0.0"),
        ("disturbed rounds count", "if one.clean]", "]"),
        ("rounds that disagree end it", "and enough(clean))", "and True)"),
    ),
    *_of(
        "measure/timing/disturbance",
        "measure/timing/test_rounds",
        ("waiting for a CPU is ignored", "SLOWED = 0.05, 0.05,", "SLOWED = 0.50, 0.05,"),
        ("stolen time is ignored", "SLOWED = 0.05, 0.05,", "SLOWED = 0.05, 0.50,"),
        ("other processes are ignored", "0.05, 0.10, 0.70", "0.05, 0.90, 0.70"),
        ("a low clock is ignored", "0.05, 0.10, 0.70", "0.05, 0.10, 0.10"),
        ("a usual clock disturbs", "0.05, 0.10, 0.70", "0.05, 0.10, 0.95"),
        ("a few clean rounds are enough", "NEEDED = 20", "NEEDED = 3"),
        ("one turn's load is averaged away", '(min if cause == "slowed" else max)', "min"),
    ),
    *_of(
        "measure/timing/instance",
        "measure/timing/test_common_window measure/timing/test_schedule",
        (
            "instances count before all run",
            "return max(float(one[0, START])",
            "return min(float(one[0, START])",
        ),
        (
            "latency counts from the start of a call",
            "calls[:, END] - calls[:, DUE])",
            "calls[:, END] - calls[:, START])",
        ),
        ("a model is measured cold", "STEADY, MOST_WARM_UPS = 0.05, 10", "STEADY, MOST_WARM_UPS = 9.0, 10"),
        (
            "a model is never warm enough",
            "STEADY, MOST_WARM_UPS = 0.05, 10",
            "STEADY, MOST_WARM_UPS = 0.05, 40",
        ),
        (
            "the last call of a turn counts",
            "until=start + seconds - self._mean_call",
            "until=start + seconds",
        ),
    ),
    *_of(
        "steps/measure/speeds",
        "steps/measure/test_speeds",
        ("INT8 has to beat the slowest baseline", "return min(filter(", "return max(filter("),
        ("the source counts as a baseline", "filter(is_baseline, seconds)", "filter(bool, seconds)"),
    ),
    *_of(
        "measure/gate/criteria",
        "measure/gate/test_criteria measure/gate/test_gate measure/timing/test_generations"
        " measure/gate/test_gate_limits",
        ("twice the allowed drop passes", "if loss.high <= self.limit:", "if loss.high <= 2 * self.limit:"),
        ("a drop passes by its value", "if loss.high <= self.limit:", "if loss.value <= self.limit:"),
        ("a drop fails by its value", "if least > self.limit:", "if loss.value > self.limit:"),
        ("the needed speed-up is ignored", "if speedup.low >= self.needed:", "if speedup.low >= 0:"),
        (
            "a speed-up passes by its value",
            "if speedup.low >= self.needed:",
            "if speedup.value >= self.needed:",
        ),
        ("a speed-up fails by its value", "if plain.high < self.needed:", "if plain.value < self.needed:"),
        ("an invalid benchmark counts", "if self.record.valid else None", "if True else None"),
        ("the gate's confidence is ignored", "if measured == wanted:", "if True:"),
        ("bounds are widened by the normal law alone", "_FREEDOM = 4", "_FREEDOM = 1000"),
        ("some class fails by chance", "1 - (1 - confidence) / len(group)", "confidence"),
        ("the best class decides", "furthest = max(", "furthest = min("),
        ("one good verdict is enough", "return max(verdicts, key", "return min(verdicts, key"),
    ),
    *_of(
        "measure/gate/judge",
        "measure/gate/test_gate measure/gate/test_gate_pools measure/gate/test_criteria"
        " measure/gate/test_gate_limits",
        ("the fastest pool stands for all", "speedup=min((judged[pool]", "speedup=max((judged[pool]"),
        ("the most accurate pool stands for all", "= max((one.result for one", "= min((one.result for one"),
        (
            "informative pools decide",
            'judged.values() if one.role != "informative"]\n    row',
            "judged.values()]\n    row",
        ),
        ("the spread between pools is ignored", "*(one.verdict for one in between)", ""),
        (
            "slow candidates come first",
            "verdict_order(row.verdict), -speed,",
            "verdict_order(row.verdict), speed,",
        ),
        ("the fastest failure comes first", "return verdict_order(row.verdict), -speed", "return 0, -speed"),
        ("large models come first", "worse, row.size_bytes,", "worse, -row.size_bytes,"),
        ("the worse of two equally fast comes first", "worse = -accuracy if", "worse = accuracy if"),
        (
            "speed needs no correction for many",
            ".result(gate.confidence, level))",
            ".result(gate.confidence, 0.5))",
        ),
        ("a required pool needs no benchmark", "if pools[pool].benchmark is None:", "if False:"),
        (
            "a metric that is no number passes",
            'return CriterionResult("fail", f"{record.metric}',
            'return CriterionResult("pass", f"{record.metric}',
        ),
    ),
    *_of(
        "measure/gate/build_criteria",
        "measure/gate/test_gate measure/gate/test_criteria measure/gate/test_gate_limits",
        ("slow candidates take part in Holm's procedure", "return near and all(", "return near or all("),
        (
            "the spread counts in one direction",
            "in permutations(known, 2):",
            "in list(permutations(known, 2))[:1]:",
        ),
        ("the absolute limit is ignored", "if gate.max_absolute_drop is not None:", "if False:"),
        ("min_speedup is ignored", "one, gate.min_speedup)", "one, 0.001)"),
        ("classes are not judged", "if gate.max_class_drop is not None else groups", "if False else groups"),
    ),
    *_of(
        "measure/gate/evidence",
        "measure/gate/test_gate measure/gate/test_gate_numbers measure/gate/test_gate_pools"
        " measure/gate/test_score_range",
        (
            "accuracy and speed of different batches join",
            "if batch != measured.evaluation.batch:",
            "if False:",
        ),
        ("accuracy and speed of different hosts join", "if not one.same_hardware(other):", "if False:"),
        ("accuracy and speed of different versions join", "if one.runtime != other.runtime:", "if False:"),
        (
            "pools with other rows are compared",
            "    return record.evidence.data_sha256, *metric,",
            "    return *metric,",
        ),
        ("tuning judges", 'if measured.evaluation.split != "validation":', "if False:"),
        ("a metric is not that of its outcomes", "<= _ROUNDING)", "<= 1e9)"),
        (
            "outcomes that are no number pass",
            "finite = bool(np.isfinite(scored.replicates).all())",
            "finite = True",
        ),
        ("scores beyond their range pass", "scored and not _within(scored, record)", "False"),
        ("bounds that are out of order pass", "return ordered and", "return True and"),
    ),
    *_of(
        "measure/gate/rank",
        "measure/gate/test_rank",
        ("a champion is beaten by luck", "result.speedup.low if", "result.speedup.value if"),
        ("the less accurate champion stays", "accuracy if higher else -accuracy", "accuracy"),
        ("runs on other rows are compared", '"data": evaluated.evidence.data_sha256,', ""),
        ("runs on other hosts are compared", "[host.cpu, list(host.isa),", "[list(host.isa),"),
        ("runs at other confidence are compared", "canonical_json([gate.confidence, {", "canonical_json([{"),
    ),
    *_of(
        "measure/gate/power",
        "measure/gate/test_power",
        ("many candidates cost nothing", "(1 - gate.confidence) / candidates", "(1 - gate.confidence)"),
        ("no split is too small", "if largest >= 0:", "if True:"),
        ("few rows are planned like many", "max(more, math.sqrt(more))", "math.sqrt(more)"),
        (
            "the relative limit is ignored",
            "if relative is not None and ratio_statistic(",
            "if False and ratio_statistic(",
        ),
    ),
    *_of(
        "measure/stats/holm",
        "measure/gate/test_criteria",
        ("many candidates need no correction", "(1 - confidence) / len(waiting)", "(1 - confidence)"),
        ("who passes leaves nothing to the others", "if name not in passed}", "}"),
    ),
)
