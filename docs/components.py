"""Write components/yaml: every component as a file that `kfp.components.load_component_from_file` reads."""

import sys
from pathlib import Path

from kfp import compiler

from inc_mlflow.components import COMPONENTS
from inc_mlflow.components._base import container
from inc_mlflow.pipelines.images import reference

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for name in COMPONENTS:
        compiler.Compiler().compile(container(name, reference("onnxruntime")), str(folder / f"{name}.yaml"))
