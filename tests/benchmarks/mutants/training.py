"""Changes of what is trained, at which rate and for which epoch, and of how much a plan measures."""

from tests.benchmarks.mutants.mutant import changes_of

TRAINING = (
    *changes_of(
        "search/training",
        "search/test_training",
        ("slow recipes are trained for what they lose", "_NEARLY = 0.85", "_NEARLY = 0.1"),
        ("only the fastest recipe is trained", "_NEARLY = 0.85", "_NEARLY = 1.0"),
        ("the recipe that loses most is trained", "* fastest, _loss(one))", "* fastest, -_loss(one))"),
        (
            "a start keeps the form that is wrong elsewhere",
            "space.protected(start, everywhere) or start",
            "start",
        ),
        ("every start is protected", "space.protected(start, everywhere)", "space.protected(start, True)"),
        ("every wrong recipe is trained", "            return\n", "            pass\n"),
        (
            "where one cannot be trained none is",
            "        if recipe is not None:",
            "        if recipe is None:",
        ),
        ("without a score a recipe loses nothing", 'default=float("inf")', "default=0.0"),
    ),
    *changes_of(
        "training/choice",
        "training/test_choice",
        ("one row more is no chance", "_BETTER = 2.0", "_BETTER = 0.5"),
        ("luck with outputs further off is handed over", "_BETTER = 2.0", "_BETTER = 1.0"),
        ("clearly better counts as chance", "_BETTER = 2.0", "_BETTER = 9.0"),
        ("a lower score is handed over", "one.scores.mean() < start.scores.mean()", "False"),
        ("nearer outputs count for nothing", "return nearer or ", "return "),
        (
            "outputs further off count as nearer",
            "_exceeds(-one.distances, -start.",
            "_exceeds(one.distances, start.",
        ),
        ("outputs that are no numbers are handed over", " and np.isfinite(one.distances).all()", ""),
        ("the first better epoch is handed over", "return max(found, key=", "return min(found, key="),
        (
            "of equal epochs the one further off is handed over",
            "-float(one.distances.mean())",
            "float(one.distances.mean())",
        ),
    ),
    *changes_of(
        "training/learning_rate",
        "training/test_learning_rate",
        ("the rate does not rise", "WARM_UP = 0.05", "WARM_UP = 0.0"),
        ("the rate rises for half of the steps", "WARM_UP = 0.05", "WARM_UP = 0.5"),
        ("the smallest rate is found", "in reversed(TRIED)", "in TRIED"),
        ("a rate that lowers no loss is found", "< start)", "< 9 * start)"),
        ("a constant rate falls", 'schedule == "constant"', "False"),
        (
            "where nothing helps the largest rate is taken",
            "next(better, TRIED[0])",
            "next(better, TRIED[-1])",
        ),
    ),
    *changes_of(
        "engines/onnxruntime/mixed/effort",
        "engines/onnxruntime/mixed/test_effort",
        ("profiles take all of the time", "_PROFILES, _PROBES = 0.12, 0.2", "_PROFILES, _PROBES = 0.5, 0.2"),
        ("probes take all of the time", "_PROFILES, _PROBES = 0.12, 0.2", "_PROFILES, _PROBES = 0.12, 0.9"),
        ("models of a round count as one", "_MODELS = 4", "_MODELS = 1"),
        ("a session for probes counts as fast as the baseline", "_SLOWER = 1.2", "_SLOWER = 0.9"),
        ("a profile of a quick model has one batch", "_BATCHES = 3", "_BATCHES = 1"),
        ("probes have no limit", "MOST_PROBES = 100", "MOST_PROBES = 10**9"),
        ("a probe has one row", "_ROWS, _LEAST_ROWS = 8, 2", "_ROWS, _LEAST_ROWS = 8, 1"),
        (
            "one pass decides on a slow model",
            "_PASSES, _LEAST_PASSES, _WARM_UP = 12, 3, 2",
            "_PASSES, _LEAST_PASSES, _WARM_UP = 12, 1, 2",
        ),
    ),
)
