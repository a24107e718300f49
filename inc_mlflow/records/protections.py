"""How far a decision of the gate can be relied on."""

from typing import Literal

from inc_mlflow.records.base import Frozen

ProtectionLevel = Literal["enforced", "advisory"]


class Protection(Frozen):
    """One thing that could be faked.

    ``enforced`` where something other than the pipeline's word stands against it, else ``advisory``.
    """

    what: str
    holds: ProtectionLevel
    why: str

    def text(self) -> str:
        """Return it in one line."""
        return f"{self.what}: {self.holds}, {self.why}"
