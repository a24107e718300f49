"""Every overlay as kubectl renders it, and one with rows for the gate."""

import copy

import pytest

from tests.k8s.manifests import K8S, KUBECTL, OVERLAYS, render, with_component

WITH_DATA = "with rows for the gate"


@pytest.fixture(scope="session", params=[*OVERLAYS, WITH_DATA])
def _rendered(request, tmp_path_factory):
    if KUBECTL is None:
        pytest.skip("kubectl is not installed: manifests are not rendered")
    if request.param == WITH_DATA:
        return render(with_component(OVERLAYS[0], "gate/data", tmp_path_factory.mktemp("site")))
    return render(K8S / "overlays" / request.param)


@pytest.fixture
def objects(_rendered):
    """A copy, so that a test may break what it likes."""
    return copy.deepcopy(_rendered)
