"""The images, once per session; everything skips with the reason where no container engine runs."""

import pytest

from tests.containers.docker_images import image, need_engine


@pytest.fixture(scope="session")
def onnxruntime_image():
    need_engine()
    return image("onnxruntime")


@pytest.fixture(scope="session")
def mlflow_image():
    need_engine()
    return image("mlflow")
