"""Every overlay as kubectl renders it."""

import copy

import pytest
from manifests import KUBECTL, OVERLAYS, render


@pytest.fixture(scope="session", params=OVERLAYS)
def _rendered(request):
    if KUBECTL is None:
        pytest.skip("kubectl is not installed: manifests are not rendered")
    return render(request.param)


@pytest.fixture
def objects(_rendered):
    """A copy, so that a test may break what it likes."""
    return copy.deepcopy(_rendered)
