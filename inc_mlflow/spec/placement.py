"""Where a pool's tasks run on a cluster, what they get there, and which hardware they must find."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from inc_mlflow.registry.engines import ENGINES, Device
from inc_mlflow.spec.gate import Role
from inc_mlflow.spec.spec_model import SpecModel

LOCAL, SYSTEM = "local", "system"
"""Names of two pools: this machine, whatever it is, and the pool of steps that measure nothing."""
POOL_LABEL = "inc-mlflow/pool"
"""Label of a pod: the pool of its task, which `inc-mlflow pools check` compares with the nodes."""
POOL_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
CPU: Device = "cpu"
_Cpus = Annotated[int, Field(ge=1)]
_Memory = Annotated[str, Field(pattern=r"^[1-9][0-9]*(Mi|Gi)$")]


class Expression(SpecModel):
    """One requirement on the labels of a node, as Kubernetes writes it."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    values: Annotated[tuple[str, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _counted(self) -> "Expression":
        least, most = {"Exists": (0, 0), "DoesNotExist": (0, 0), "Gt": (1, 1), "Lt": (1, 1)}.get(
            self.operator, (1, 1000)
        )
        if not least <= len(self.values) <= most:
            raise ValueError(
                f"{self.operator} takes {'no values' if not most else 'one value' if most == 1 else 'values'}"
            )
        return self

    def __str__(self) -> str:
        return f"{self.key} {self.operator} {', '.join(self.values)}".rstrip()


class Toleration(SpecModel):
    """A taint that the pool's nodes have to keep other work out."""

    key: str
    operator: Literal["Equal", "Exists"] = "Equal"
    value: str | None = None
    effect: Literal["NoSchedule", "NoExecute", "PreferNoSchedule"] = "NoSchedule"

    @model_validator(mode="after")
    def _valued(self) -> "Toleration":
        if (self.operator == "Equal") != (self.value is not None):
            raise ValueError("Equal needs a value, Exists takes none")
        return self


class Expect(SpecModel):
    """Facts that a step checks on its machine before it measures; on any other machine it fails."""

    arch: Annotated[Literal["x86_64", "aarch64"] | None, Field(description="As `uname -m` prints it.")] = None
    vendor: Annotated[Literal["Intel", "AMD", "ARM"] | None, Field(description="Maker of the CPU.")] = None
    has: Annotated[tuple[str, ...], Field(strict=False, description="CPU flags as Linux spells them.")] = ()
    lacks: Annotated[
        tuple[str, ...], Field(strict=False, description="CPU flags that must not be there.")
    ] = ()
    gpu: Annotated[str | None, Field(description="Part of the GPU's name, as A100.")] = None
    compute_capability: Annotated[
        str | None, Field(pattern=r"^[0-9]+\.[0-9]+$", description="Of the GPU, as 8.0.")
    ] = None


class PoolSpec(SpecModel):
    """One kind of hardware: how Kubernetes finds its nodes, what a task gets, and which facts must hold."""

    selector: Annotated[dict[str, str], Field(description="Labels that a node must have.")] = Field(
        default_factory=dict
    )
    required: Annotated[
        tuple[Expression, ...],
        Field(strict=False, description="Requirements on labels: all of them hold together."),
    ] = ()
    tolerations: Annotated[tuple[Toleration, ...], Field(strict=False)] = ()
    cpu: Annotated[_Cpus, Field(description="Whole CPUs of a task: requested and limited alike.")] = 4
    memory: _Memory = "8Gi"
    exclusive: Annotated[
        _Cpus | None,
        Field(description="CPUs that a whole node gives: benchmarks ask for them all and run alone there."),
    ] = None
    gpu: Annotated[int, Field(ge=0, description="NVIDIA GPUs of a task.")] = 0
    image: Annotated[str, Field(description="Name of the image in images.lock.")] = "onnxruntime"
    provider: Annotated[
        Device, Field(description="What runs the models: cpu, cuda, or an engine's own name for that.")
    ] = CPU
    expect: Expect = Expect()
    role: Annotated[
        Role, Field(description="What the pool has to say, unless the gate names another role.")
    ] = "required"

    @field_validator("provider", mode="before")
    @classmethod
    def _of_an_engine(cls, name: Any) -> Any:
        """Replace an engine's own name of a device by the device."""
        if name in get_args(Device):
            return name
        return next((devices[name] for devices in _devices() if name in devices), name)


def _devices() -> Iterator[Mapping[Any, Device]]:
    for name in ENGINES:
        yield ENGINES.get(name).devices
