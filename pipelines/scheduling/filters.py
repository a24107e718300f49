"""The filters by which kube-scheduler tells the nodes that a pod may run on; nodes are taken as empty."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

from inc_mlflow.pipelines.scheduling.fleet import Node, Taint
from inc_mlflow.pipelines.scheduling.pod import Pod, Term, Toleration
from inc_mlflow.spec import Expression

_CORDON = Taint(key="node.kubernetes.io/unschedulable")
_INTEGER = re.compile(r"[+-]?[0-9]+")


def obstacles(pod: Pod, node: Node) -> list[str]:
    """Return in words all that keeps a pod off a node; nothing where it may run there."""
    return [
        *_selector(pod, node),
        *_affinity(pod, node),
        *_taints(pod, node),
        *_resources(pod.requests, node),
    ]


def fit_together(one: Pod, other: Pod, node: Node) -> bool:
    """Tell whether an empty node has room for both pods."""
    names = {**one.requests, **other.requests}
    total = {
        name: sum((pod.requests.get(name, Decimal(0)) for pod in (one, other)), Decimal(0)) for name in names
    }
    return not list(_resources(total, node))


def _selector(pod: Pod, node: Node) -> Iterator[str]:
    for key, value in pod.selector.items():
        if key not in node.labels:
            yield f"label {key}={value} is missing"
        elif node.labels[key] != value:
            yield f"label {key} is {node.labels[key]}, not {value}"


def _affinity(pod: Pod, node: Node) -> Iterator[str]:
    """One term is enough; one without any requirement matches nothing."""
    if pod.terms is None:
        return
    failed = [list(_failed(term, node)) for term in pod.terms]
    if all(failed):
        yield " or ".join(", ".join(reasons) for reasons in failed)


def _failed(term: Term, node: Node) -> Iterator[str]:
    if not term.expressions and not term.fields:
        yield "an affinity without requirements matches no node"
    for expression in term.expressions:
        if not _holds(expression, node.labels):
            yield f"label {expression} fails"
    for field in term.fields:
        if not _holds(field, {"metadata.name": node.name}):
            yield f"field {field} fails"


def _holds(expression: Expression, labels: Mapping[str, str]) -> bool:
    value = labels.get(expression.key)
    match expression.operator:
        case "In":
            return value in expression.values
        case "NotIn":
            return value not in expression.values  # a node without the label is not in either
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
    numbers = [int(text) for text in (value or "", *expression.values) if _INTEGER.fullmatch(text)]
    if len(numbers) != 2:
        return False
    return numbers[0] > numbers[1] if expression.operator == "Gt" else numbers[0] < numbers[1]


def _taints(pod: Pod, node: Node) -> Iterator[str]:
    for taint in (*node.taints, *([_CORDON] if node.unschedulable else [])):
        # PreferNoSchedule only ranks nodes.
        if taint.effect != "PreferNoSchedule" and not any(_tolerated(taint, by) for by in pod.tolerations):
            yield f"taint {taint} is not tolerated"


def _tolerated(taint: Taint, by: Toleration) -> bool:
    right_kind = by.effect in ("", taint.effect) and by.key in ("", taint.key)
    return right_kind and (by.operator == "Exists" or by.value == taint.value)


def _resources(requests: Mapping[str, Decimal], node: Node) -> Iterator[str]:
    for name, amount in requests.items():
        if amount > node.free(name):
            yield f"{name}: {_amount(name, amount)} asked for, {_amount(name, node.free(name))} there"


def _amount(resource: str, amount: Decimal) -> str:
    return f"{float(amount) / 2**30:g}Gi" if resource == "memory" else f"{float(amount):g}"
