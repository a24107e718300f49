"""What the options of all methods that change a module say alike."""

from inc_mlflow.spec.recipes import Recipe


class StageRecipe(Recipe):
    """A recipe that trains the source's module, or another one in its place; in a chain it is a stage."""

    @property
    def trains(self) -> bool:
        """It needs training rows, and tuning rows to choose an epoch by."""
        return True

    @property
    def changes_module(self) -> bool:
        """What it leaves is a module, not a candidate."""
        return True

    @property
    def stages(self) -> tuple[Recipe, ...]:
        """In a chain it is one."""
        return (self,)
