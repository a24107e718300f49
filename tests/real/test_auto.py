"""``recipes: auto`` on the three real models: floors that hand-picked settings reach, judged on validation
rows."""

import pytest

from tests.real.jobs import DIGITS, SST2, ULTRAFACE, run

pytestmark = [pytest.mark.real, pytest.mark.long]


def auto(job: str) -> str:
    return job[: job.index("recipes:")] + "recipes: auto\n" + "".join(job.partition("gate:")[1:])


@pytest.mark.parametrize(
    ("job", "accuracy", "ratio", "least"),
    [
        (SST2, 0.878, "source_speedup", 2.35),
        (ULTRAFACE, 0.990, "speedup", 1.08),
        (DIGITS, 0.994, "speedup", 1.55),
    ],
    ids=["sst2", "ultraface", "digits"],
)
def test_a_search_reaches_what_hand_picked_settings_do(models, tmp_path, job, accuracy, ratio, least):
    result = run(
        tmp_path, auto(job.format(models=models, limit=0.02)).replace("samples: 100", "samples: 200"), 0
    )
    champion = result["champion"]
    assert champion["accuracy"]["value"] >= accuracy
    assert champion[ratio]["value"] >= least
