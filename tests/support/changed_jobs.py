"""A job file with fields changed."""

import yaml

from inc_mlflow.spec import Job


def change(path, **fields):
    """Change fields of a job file, named as ``data__validation__path``, and load it."""
    spec = yaml.safe_load(path.read_text())
    for field, value in fields.items():
        *parents, last = field.split("__")
        part = spec
        for name in parents:
            part = part.setdefault(name, {})
        part[last] = value
    path.write_text(yaml.safe_dump(spec))
    return Job.load(path)
