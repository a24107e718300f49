"""What stands against a forger of one request, and what has nobody's word but the pipeline's."""

from typing import TYPE_CHECKING

from inc_mlflow.records import Protection, RequestRecord
from inc_mlflow.steps.case import Case
from inc_mlflow.steps.recheck import rechecked
from inc_mlflow.tracking.identity import open_to_others

if TYPE_CHECKING:
    from mlflow import MlflowClient

_ACCURACY = Protection(
    what="accuracy", holds="advisory", why="whoever runs the pipeline could write it; a policy with recheck runs rows again"
)
_SPEED = Protection(what="speed", holds="advisory", why="whoever runs the pipeline could write it; nobody measures it again")
_BASELINE = Protection(
    what="the baseline", holds="advisory", why="whoever runs the pipeline chooses it; compare inc.source_sha256 with your own"
)


def protections(client: "MlflowClient", case: Case) -> tuple[Protection, ...]:
    """Return what holds for a case that was promoted; never more than this identity can find out itself."""
    policy = case.policy.spec
    accuracy = rechecked(case.job, policy, case.pools) if policy is not None and policy.recheck is not None else (_ACCURACY,)
    return _promotion(client, case.request), *accuracy, _SPEED, _BASELINE


def _promotion(client: "MlflowClient", request: RequestRecord) -> Protection:
    what, why_not = "promotion by the gate alone", open_to_others(client, request)
    if why_not is not None:
        return Protection(what=what, holds="advisory", why=why_not)
    return Protection(what=what, holds="enforced", why="the server knows who asks, and others may read by default")
