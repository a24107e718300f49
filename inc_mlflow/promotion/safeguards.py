"""What stands against a forger of one request, and what rests on the pipeline's word alone."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from inc_mlflow.promotion.review import PromotionReview
from inc_mlflow.records import Protection
from inc_mlflow.tracking.server.identity import find_other_writers

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


@dataclass(frozen=True)
class Safeguards:
    """What stands behind a promotion beside the evidence."""

    protections: tuple[Protection, ...] = ()
    approved_by: str | None = None


def find_safeguards(
    client: "MlflowClient", review: PromotionReview, approved_by: str | None = None
) -> Safeguards:
    """Return the safeguards of a reviewed request, never more than this identity can find out itself."""
    policy = review.policy.spec
    rechecked = policy is not None and policy.recheck is not None
    accuracy = review.accuracy_protections() if rechecked else (_ACCURACY,)
    return Safeguards((_gate_alone(client, review), *accuracy, _SPEED, _BASELINE), approved_by)


def _gate_alone(client: "MlflowClient", review: PromotionReview) -> Protection:
    """Say whether only the gate can promote to this registered model."""
    what = "promotion by the gate alone"
    why_not = find_other_writers(client, review.request) or _unnamed_ledger(review)
    if why_not is not None:
        return Protection(what=what, holds="advisory", why=why_not)
    return Protection(
        what=what,
        holds="enforced",
        why="the server knows who asks, others may read by default, and the policy names the ledger",
    )


def _unnamed_ledger(review: PromotionReview) -> str | None:
    """Whoever creates a registered model owns it, and may give the gate any rights on it."""
    name = review.request.registered_model
    if review.policy.ledger_of(name) is not None:
        return None
    return (
        f"a pipeline may have made {name!r} and its ledger before the gate; "
        "name the ledger in the policy (`ledgers`)"
    )
