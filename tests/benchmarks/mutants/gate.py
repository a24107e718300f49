"""Changes of how the gate judges."""

from tests.benchmarks.mutants.mutant import changes_of

GATE = (
    *changes_of(
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
        ("slow candidates take part in Holm's procedure", "return near and all(", "return near or all("),
        ("an invalid benchmark counts", "if self.record.valid else None", "if True else None"),
        ("the gate's confidence is ignored", "if measured == wanted:", "if True:"),
        ("bounds are widened by the normal law alone", "_FREEDOM = 4", "_FREEDOM = 1000"),
        ("some class fails by chance", "1 - (1 - confidence) / len(group)", "confidence"),
        ("the best class decides", "furthest = max(", "furthest = min("),
        ("one good verdict is enough", "return max(verdicts, key", "return min(verdicts, key"),
    ),
    *changes_of(
        "measure/gate/judge",
        "measure/gate/test_gate measure/gate/test_gate_pools measure/gate/test_criteria"
        " measure/gate/test_baselines measure/gate/test_gate_limits",
        (
            "a baseline's drop is not shown",
            "        if reference:\n",
            "        if True:\n",
        ),
        ("the fastest pool stands for all", "speedup=min((judged[pool]", "speedup=max((judged[pool]"),
        (
            "informative pools decide",
            'judged.values() if one.role != "informative"]\n    row',
            "judged.values()]\n    row",
        ),
        ("the spread between pools is ignored", "*(one.verdict for one in between.values())", ""),
        (
            "speed needs no correction for many",
            ".result(gate.confidence, level))",
            ".result(gate.confidence, 0.5))",
        ),
        ("a required pool needs no benchmark", "if pools[pool].benchmark is None:", "if False:"),
    ),
    *changes_of(
        "measure/gate/metric_results",
        "measure/gate/test_gate measure/gate/test_gate_pools measure/gate/test_several_metrics",
        ("the most accurate pool stands for all", "= max(results, key", "= min(results, key"),
        (
            "a metric's verdict is that of one pool",
            "worst_verdict(verdicts) if verdicts",
            "verdicts[0] if verdicts",
        ),
    ),
    *changes_of(
        "measure/gate/build_criteria",
        "measure/gate/test_gate measure/gate/test_criteria measure/gate/test_gate_limits"
        " measure/gate/test_several_metrics",
        (
            "the spread counts in one direction",
            "in permutations(known, 2):",
            "in list(permutations(known, 2))[:1]:",
        ),
        ("the absolute limit is ignored", "if gate.max_absolute_drop is not None:", "if False:"),
        ("min_speedup is ignored", "one, gate.min_speedup)", "one, 0.001)"),
        ("classes are not judged", "if gate.max_class_drop is not None:", "if False:"),
        (
            "a metric that is no number passes",
            'CriterionResult("fail", f"{metric} is',
            'CriterionResult("pass", f"{metric} is',
        ),
        ("informative metrics decide", "in measured.by_metric if one.judged", "in measured.by_metric"),
    ),
    *changes_of(
        "measure/gate/evidence",
        "measure/gate/test_gate measure/gate/test_gate_numbers measure/gate/test_gate_pools"
        " measure/gate/test_baselines measure/gate/test_score_range",
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
        ("a slower baseline may be beaten", "and max(others, default=0) <= 1", "and True"),
        ("a candidate stands for the baseline", "and is_baseline(record.against)", "and True"),
        ("bounds that are out of order pass", "return ordered and", "return True and"),
    ),
    *changes_of(
        "measure/gate/order",
        "measure/gate/test_gate measure/gate/test_order",
        (
            "slow candidates come first",
            "self.verdict, -self.low,",
            "self.verdict, self.low,",
        ),
        ("the fastest failure comes first", "return self.verdict, -self.low", "return 0, -self.low"),
        ("large models come first", "= _ALIKE * min(", "= _ALIKE * max("),
        ("a few kilobytes decide", "_ALIKE = 1.05", "_ALIKE = 1.0"),
        ("far larger files count as equal", "_ALIKE = 1.05", "_ALIKE = 1.3"),
        (
            "the speed decides though intervals overlap",
            "one.high >= first",
            "one.low >= first",
        ),
        ("whatever overlaps in turn is as fast", "first = places[0]", "first = places[-1]"),
        ("the worse of two equally fast comes first", "worse = -accuracy if", "worse = accuracy if"),
        (
            "of equal files the larger comes first",
            "self.worse, self.size_bytes,",
            "self.worse, -self.size_bytes,",
        ),
    ),
    *changes_of(
        "measure/gate/constant_answer",
        "measure/gate/test_constant_answer",
        (
            "a constant answer may be worse than allowed",
            "<= relative * abs(baseline)",
            "<= 2 * abs(baseline)",
        ),
        ("the absolute limit on it is ignored", "absolute is None or", "True or"),
        ("classes do not tell", "by_class.max() <= limit", "by_class.min() <= limit"),
        (
            "lower is better makes no difference",
            "if record.higher_is_better else constant",
            "if True else constant",
        ),
    ),
    *changes_of(
        "measure/gate/rank",
        "measure/gate/test_rank",
        ("a champion is beaten by luck", "result.speedup.low if", "result.speedup.value if"),
        ("the less accurate champion stays", "accuracy if higher else -accuracy", "accuracy"),
        ("runs on other rows are compared", '"data": evaluated.evidence.data_sha256,', ""),
        ("runs on other hosts are compared", "[host.cpu, list(host.isa),", "[list(host.isa),"),
        ("runs at other confidence are compared", "canonical_json([gate.confidence, {", "canonical_json([{"),
    ),
    *changes_of(
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
    *changes_of(
        "measure/stats/holm",
        "measure/gate/test_criteria",
        ("many candidates need no correction", "(1 - confidence) / len(waiting)", "(1 - confidence)"),
        ("who passes leaves nothing to the others", "/ len(waiting)", "/ len(passes)"),
    ),
)
