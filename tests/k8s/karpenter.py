"""Karpenter's kinds, as far as k8s/ uses them: kubernetes-validate has no schema of them."""

from typing import Any

import jsonschema

from tests.k8s.manifests import Object

_TEXT = {"type": "string", "minLength": 1}
_TEXTS = {"type": "array", "items": _TEXT, "minItems": 1}
_DURATION = {"type": "string", "pattern": r"^(([0-9]+(s|m|h))+|Never)$"}
_QUANTITY = {"type": ["string", "integer"], "pattern": r"^[0-9]+(m|Mi|Gi)?$"}


def _object(required: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required.split(),
        "properties": properties,
    }


def _map(value: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": value, "minProperties": 1}


_REQUIREMENT = _object(
    "key operator",
    key=_TEXT,
    operator={"enum": ["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]},
    values=_TEXTS,
)
_TAINT = _object(
    "key effect", key=_TEXT, value=_TEXT, effect={"enum": ["NoSchedule", "PreferNoSchedule", "NoExecute"]}
)
_BUDGET = _object(
    "nodes",
    nodes={"type": "string", "pattern": r"^((100|[0-9]{1,2})%|[0-9]+)$"},
    reasons={"type": "array", "items": {"enum": ["Underutilized", "Empty", "Drifted"]}},
)
_NODE = _object(
    "nodeClassRef requirements",
    nodeClassRef=_object(
        "group kind name", group={"const": "karpenter.k8s.aws"}, kind={"const": "EC2NodeClass"}, name=_TEXT
    ),
    expireAfter=_DURATION,
    taints={"type": "array", "items": _TAINT},
    requirements={"type": "array", "items": _REQUIREMENT, "minItems": 1},
)
_POOL = _object(
    "template",
    limits=_map(_QUANTITY),
    disruption=_object(
        "consolidateAfter",
        consolidationPolicy={"enum": ["WhenEmpty", "WhenEmptyOrUnderutilized"]},
        consolidateAfter=_DURATION,
        budgets={"type": "array", "items": _BUDGET},
    ),
    template=_object("spec", spec=_NODE),
)
_DISK = _object(
    "volumeSize",
    volumeType={"enum": ["gp3", "gp2", "io1", "io2"]},
    volumeSize=_QUANTITY,
    encrypted={"const": True},
    deleteOnTermination={"const": True},
)
_TAGGED = {"type": "array", "items": _object("tags", tags=_map(_TEXT)), "minItems": 1}
_CLASS = _object(
    "role amiSelectorTerms subnetSelectorTerms securityGroupSelectorTerms",
    role=_TEXT,
    amiSelectorTerms={
        "type": "array",
        "items": _object("alias", alias={"type": "string", "pattern": r"^al2023@.+$"}),
        "maxItems": 1,  # an alias stands alone
    },
    subnetSelectorTerms=_TAGGED,
    securityGroupSelectorTerms=_TAGGED,
    metadataOptions=_object(
        "httpTokens",
        httpTokens={"enum": ["required", "optional"]},
        httpPutResponseHopLimit={"type": "integer"},
    ),
    blockDeviceMappings={"type": "array", "items": _object("deviceName ebs", deviceName=_TEXT, ebs=_DISK)},
)
_METADATA = _object("name", name=_TEXT, labels=_map(_TEXT))
KINDS = {
    kind: _object(
        "apiVersion kind metadata spec",
        apiVersion={"const": version},
        kind={"const": kind},
        metadata=_METADATA,
        spec=spec,
    )
    for kind, version, spec in [
        ("NodePool", "karpenter.sh/v1", _POOL),
        ("EC2NodeClass", "karpenter.k8s.aws/v1", _CLASS),
    ]
}


def karpenter_complaints(one: Object) -> list[str]:
    """Return what Karpenter's API would refuse."""
    found = jsonschema.Draft202012Validator(KINDS[one["kind"]]).iter_errors(one)
    return [
        f"{one['kind']} {one['metadata'].get('name')}: {error.json_path}: {error.message}" for error in found
    ]


def allowed(pool: Object) -> dict[str, set[str]]:
    """Return the labels that a node of a NodePool has, each with the values it may have."""
    found = {one["key"]: set(one["values"]) for one in pool["spec"]["template"]["spec"]["requirements"]}
    found["karpenter.sh/nodepool"] = {pool["metadata"]["name"]}
    if found["karpenter.k8s.aws/instance-family"] == {"p4d"}:
        found["karpenter.k8s.aws/instance-gpu-name"] = {"a100"}
    return found
