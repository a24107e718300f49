"""What stands against a forger of one request, and what has nobody's word but the pipeline's."""

from typing import TYPE_CHECKING

from inc_mlflow.promotion.review import Case
from inc_mlflow.records import Protection
from inc_mlflow.tracking.server.identity import open_to_others

if TYPE_CHECKING:
    from mlflow import MlflowClient

_ACCURACY = Protection(
    what="accuracy",
    holds="advisory",
    why="whoever runs the pipeline could write it; a policy with recheck runs rows again",
)
_SPEED = Protection(
    what="speed", holds="advisory", why="whoever runs the pipeline could write it; nobody measures it again"
)
_BASELINE = Protection(
    what="the baseline",
    holds="advisory",
    why="whoever runs the pipeline chooses it; compare inc.source_sha256 with your own",
)


def protections(client: "MlflowClient", case: Case) -> tuple[Protection, ...]:
    """Return what holds for a case that was promoted; never more than this identity can find out itself."""
    policy = case.policy.spec
    accuracy = case.proven() if policy is not None and policy.recheck is not None else (_ACCURACY,)
    return _promotion(client, case), *accuracy, _SPEED, _BASELINE


def _promotion(client: "MlflowClient", case: Case) -> Protection:
    what, why_not = "promotion by the gate alone", open_to_others(client, case.request) or _unnamed(case)
    if why_not is not None:
        return Protection(what=what, holds="advisory", why=why_not)
    return Protection(what=what, holds="enforced", why="the server knows who asks, others may read by default, "
                      "and the policy names the ledger")  # fmt: skip


def _unnamed(case: Case) -> str | None:
    """Whoever makes a registered model first owns it, and may give the gate as many rights on it as it likes."""
    name = case.request.registered_model
    if case.policy.ledger_of(name) is not None:
        return None
    return f"a pipeline may have made {name!r} and its ledger before the gate; name the ledger in the policy (`ledgers`)"
