import pytest

from inc_mlflow.spec import Job
from inc_mlflow.steps.prepare.import_model import import_model
from tests.support.translator import write_job


@pytest.fixture(scope="package")
def job(tmp_path_factory):
    return Job.load(write_job(tmp_path_factory.mktemp("translator")))


@pytest.fixture(scope="package")
def imported(job, tmp_path_factory):
    """The folder of the import step, and its record."""
    folder = tmp_path_factory.mktemp("baseline")
    return folder, import_model(job, folder)


@pytest.fixture(scope="package")
def baseline(imported):
    return imported[0] / "model.parts"
