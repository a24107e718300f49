"""Values that Kubernetes refuses and its schemas let pass: enumerations, quantities, networks, schedules."""

import ipaddress
import re
from collections.abc import Callable
from typing import Any

from tests.k8s.manifests import Object, leaves

_LABELS = {"In", "NotIn", "Exists", "DoesNotExist"}
_NODES = _LABELS | {"Gt", "Lt"}
_RECLAIM = {"Retain", "Delete"}
ENUMS = {
    "accessModes": {"ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"},
    "concurrencyPolicy": {"Allow", "Forbid", "Replace"},
    "effect": {"NoSchedule", "PreferNoSchedule", "NoExecute"},
    "fsGroupChangePolicy": {"Always", "OnRootMismatch"},
    "imagePullPolicy": {"Always", "IfNotPresent", "Never"},
    "matchExpressions.operator": _LABELS,
    "nodeSelectorTerms.matchExpressions.operator": _NODES,
    "policyTypes": {"Ingress", "Egress"},
    "protocol": {"TCP", "UDP", "SCTP"},
    "requirements.operator": _NODES,
    "restartPolicy": {"Always", "OnFailure", "Never"},
    "seccompProfile.type": {"RuntimeDefault", "Localhost", "Unconfined"},
    "strategy.type": {"Recreate", "RollingUpdate"},
    "updateStrategy.type": {"OnDelete", "RollingUpdate"},
    "limits.type": {"Container", "Pod", "PersistentVolumeClaim"},
    "medium": {"", "Memory"},
    "tolerations.operator": {"Equal", "Exists"},
    "verbs": {"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"},
    "whenDeleted": _RECLAIM,
    "whenScaled": _RECLAIM,
    **{
        f"labels.pod-security.kubernetes.io/{mode}": {"baseline", "restricted"}
        for mode in ("enforce", "audit", "warn")
    },
}
_QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_CRON_FIELD = r"(\*|[0-9]+)(/[0-9]+)?"


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


FORMS: dict[str, Callable[[Any], bool]] = {
    "cidr": _is_network,
    "schedule": lambda text: bool(re.fullmatch(rf"{_CRON_FIELD}( {_CRON_FIELD}){{4}}", text)),
    "sizeLimit": lambda text: bool(_QUANTITY.fullmatch(str(text))),
}
AMOUNTS = {"requests", "limits", "hard", "default", "defaultRequest"}


def complaints(one: Object) -> list[str]:
    """Return the values of an object that an API server would refuse."""
    return [
        f"{one.get('kind')} {'.'.join(path)}: {value!r}"
        for path, value in leaves(one)
        if not _holds(path, value)
    ]


def _holds(path: tuple[str, ...], value: Any) -> bool:
    if len(path) > 1 and path[-2] in AMOUNTS and path[-1] != "type":
        return bool(_QUANTITY.fullmatch(str(value)))
    # The longest rule is the closest one.
    suffixes = [".".join(path[start:]) for start in range(len(path))]
    for suffix in suffixes:
        if suffix in ENUMS:
            return value in ENUMS[suffix]
        if suffix in FORMS:
            return FORMS[suffix](value)
    return True
