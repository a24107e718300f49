"""How every component is made: our image, nothing installed at run time."""

import functools
import os

from kfp import dsl

IMAGE = os.environ.get("INC_MLFLOW_IMAGE", "inc-mlflow:0.1.0")
component = functools.partial(dsl.component, base_image=IMAGE, install_kfp_package=False)
