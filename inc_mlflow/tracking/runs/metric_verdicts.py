"""The verdicts by each of a job's metrics, as a tag of runs."""

import json
from collections.abc import Mapping
from typing import get_args

from inc_mlflow.records import MetricResult, Verdict

VERDICTS = "inc.metric_verdicts"
_KNOWN = get_args(Verdict)


def verdict_tag(results: Mapping[str, MetricResult]) -> dict[str, str]:
    """Return the tag with the verdicts by metric; none where nothing was judged."""
    verdicts = {name: one.verdict for name, one in results.items() if one.verdict is not None}
    return {VERDICTS: json.dumps(verdicts)} if verdicts else {}


def read_verdicts(tags: Mapping[str, str]) -> dict[str, Verdict]:
    """Return the verdicts by metric; none where the tag is missing, or is not what we write."""
    try:
        found = json.loads(tags.get(VERDICTS, "{}"))
    except ValueError:
        return {}
    return {name: one for name, one in found.items() if one in _KNOWN} if isinstance(found, dict) else {}
