"""What a pod may not do: the rules of Pod Security's `restricted`, and those of this project beside them."""

from collections.abc import Iterator

from tests.k8s.manifests import Object, containers

_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
_SECCOMP = ("RuntimeDefault", "Localhost")


def complaints(template: Object) -> list[str]:
    """Return what a pod template asks for and should not, or should say and does not."""
    found = [*_pod(template["spec"])]
    for container in containers(template):
        found += [
            f"{container['name']}: {what}" for what in (*_restricted(template, container), *_own(container))
        ]
    return found


def _pod(spec: Object) -> Iterator[str]:
    yield from (name for name in ("hostNetwork", "hostPID", "hostIPC", "hostUsers") if spec.get(name))
    for volume in spec.get("volumes", []):
        yield from (f"volume {volume['name']}: {kind}" for kind in volume.keys() - _VOLUMES - {"name"})
    if spec.get("automountServiceAccountToken") is not False:
        yield "a token of the service account is mounted"
    if spec.get("serviceAccountName", "default") == "default":
        yield "the default service account"


def _restricted(template: Object, container: Object) -> Iterator[str]:
    pod, own = template["spec"].get("securityContext", {}), container.get("securityContext", {})
    both = pod | own
    if own.get("privileged") or own.get("procMount", "Default") != "Default":
        yield "privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "privileges may escalate"
    if "ALL" not in own.get("capabilities", {}).get("drop", []):
        yield "capabilities are kept"
    if set(own.get("capabilities", {}).get("add", [])) - {"NET_BIND_SERVICE"}:
        yield "capabilities are added"
    if both.get("runAsNonRoot") is not True or both.get("runAsUser") == 0:
        yield "may run as root"
    if both.get("seccompProfile", {}).get("type") not in _SECCOMP:
        yield "no seccomp profile"
    if any("hostPort" in port for port in container.get("ports", [])):
        yield "a port of the host"


def _own(container: Object) -> Iterator[str]:
    if container.get("securityContext", {}).get("readOnlyRootFilesystem") is not True:
        yield "the root can be written"
    if "@sha256:" not in container["image"]:
        yield f"image {container['image']} is not named by digest"
    resources = container.get("resources", {})
    for kind in ("requests", "limits"):
        yield from (
            f"no {kind} of {what}" for what in ("cpu", "memory") if what not in resources.get(kind, {})
        )
