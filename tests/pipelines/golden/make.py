"""Write the package that a person has looked at: python tests/pipelines/golden/make.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.support.compiled_packages import FLEET_JOB, bundled, compiled

print(compiled(Path(__file__).parent, "int8", bundled(FLEET_JOB)))
