"""cross_hardware on a real model: two pools, a metric that does not decompose."""

import pytest

from tests.real.jobs import ULTRAFACE
from tests.support.two_pool_job import check, run, stand_in

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.long]


def test_ultraface_is_measured_on_both_pools(models, tmp_path):
    (tmp_path / "job.yaml").write_text(ULTRAFACE.format(models=models))
    stand_in(tmp_path / "job.yaml")
    check(tmp_path / "job.yaml", run(tmp_path / "job.yaml"))
