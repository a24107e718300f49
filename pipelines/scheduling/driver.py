"""What Kubeflow's driver makes of a compiled executor: the scheduling of its pod."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from inc_mlflow.errors import SpecError
from inc_mlflow.pipelines.scheduling.pod import Pod
from inc_mlflow.spec.spec_model import spec_error

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def pod_of(container: Mapping[str, Any], config: Mapping[str, Any]) -> Pod:
    """Return the pod of a container from the first document and its configuration from the second."""
    try:
        return Pod.model_validate(
            {
                "labels": config.get("podMetadata", {}).get("labels", {}),
                "selector": _selector(config.get("nodeSelector", {})),
                "terms": _terms(config.get("nodeAffinity", [])),
                "tolerations": _tolerations(config.get("tolerations", [])),
                "requests": _requests(container.get("resources", {})),
            }
        )
    except ValidationError as error:
        raise spec_error(error) from error


def _selector(selector: Mapping[str, Any]) -> Any:
    """A selector in JSON replaces the labels, although both stand in the package."""
    return (
        _constant(selector["nodeSelectorJson"])
        if "nodeSelectorJson" in selector
        else selector.get("labels", {})
    )


def _tolerations(tolerations: list[dict[str, Any]]) -> list[Any]:
    """Those in JSON, one or a list, are added to the others."""
    added: list[Any] = []
    for toleration in tolerations:
        given = _constant(toleration["tolerationJson"]) if "tolerationJson" in toleration else toleration
        added += given if isinstance(given, list) else [given]
    return added


def _terms(affinities: list[dict[str, Any]]) -> list[Any] | None:
    """Every affinity without a weight is one more term; those with a weight only rank nodes."""
    terms: list[Any] = []
    for affinity in affinities:
        if "nodeAffinityJson" in affinity:
            terms += _constant(affinity["nodeAffinityJson"]).get(_REQUIRED, {}).get("nodeSelectorTerms", [])
        elif "weight" not in affinity:
            terms.append(affinity)
    return terms or None


def _requests(resources: Mapping[str, Any]) -> dict[str, Any]:
    """A resource that is only limited is requested as much."""
    requests: dict[str, Any] = {}
    for name in ("cpu", "memory"):
        limit = resources.get(f"resource{name.title()}Limit")
        amount = resources.get(f"resource{name.title()}Request", limit)
        if amount is not None:
            requests[name] = amount
    if "accelerator" in resources:
        requests[resources["accelerator"]["resourceType"]] = resources["accelerator"]["resourceCount"]
    return requests


def _constant(value: Mapping[str, Any]) -> Any:
    """Return a value that stands in the package; SpecError where only a run knows it."""
    try:
        return value["runtimeValue"]["constant"]
    except KeyError:
        raise SpecError(
            "its placement comes from a parameter, so only a run can tell; place it with constants"
        ) from None
