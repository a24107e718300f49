"""Write the packages that a person has looked at: python tests/pipelines/golden/make.py."""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.support.compiled_packages import (
    FLEET_JOB,
    bundled,
    compiled,
    of_two_engines,
    training_pipeline,
)

print(compiled(Path(__file__).parent, "int8", bundled(FLEET_JOB)))
with tempfile.TemporaryDirectory() as folder:
    made = training_pipeline(Path(folder)).read_text()
    engines = compiled(Path(folder), "cross_hardware", of_two_engines()).read_text()
(Path(__file__).parent / "trained.yaml").write_text(made)
(Path(__file__).parent / "engines.yaml").write_text(engines)
