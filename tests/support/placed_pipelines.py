"""Small pipelines whose tasks stand on pools, compiled."""

import yaml
from kfp import compiler, dsl

from inc_mlflow.pipelines.placement import place
from inc_mlflow.pipelines.scheduling.package import tasks_of


@dsl.container_component
def work():
    return dsl.ContainerSpec(image="image", command=["work"])


@dsl.container_component
def decide(verdict: dsl.OutputPath(str)):
    return dsl.ContainerSpec(image="image", command=["decide"], args=[verdict])


def compiled(target, build):
    """Compile the tasks that ``build`` makes."""

    @dsl.pipeline(name="placed")
    def pipeline():
        build()

    compiler.Compiler().compile(pipeline, str(target))
    return target


def every_pool(pools):
    """Make two tasks per pool; those of `system` stand in an exit handler, a condition and a loop."""
    _put(work(), "close", "system", pools)
    judged = _put(decide(), "judge", "system", pools)
    with dsl.ExitHandler(_put(work(), "exit", "system", pools)):
        for pool in [pool for pool in pools if pool != "system"]:
            _put(work(), f"{pool} · evaluate", pool, pools)
            place(work().set_display_name(f"{pool} · benchmark"), pool, pools[pool], alone=True)
    with dsl.If(judged.outputs["verdict"] == "pass"), dsl.ParallelFor([1, 2]):
        _put(work(), "promote", "system", pools)


def _put(task, name, pool, pools):
    return place(task.set_display_name(name), pool, pools[pool])


def task_of(path, build):
    """Return the only task of a package as the scheduler sees it."""
    (task,) = tasks_of(compiled(path, build))
    return task


def spoil(package, target, change):
    """Write a package whose Kubernetes documents ``change`` has spoilt, executor by executor."""
    spec, platform = yaml.safe_load_all(package.read_text())
    for config in platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values():
        change(config)
    target.write_text(yaml.safe_dump_all([spec, platform]))
    return target
