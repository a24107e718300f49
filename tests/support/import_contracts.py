"""A contract of import-linter: packages that the allowed modules alone may import."""

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class OnlyIn(Contract):
    """Modules outside ``allowed`` import none of ``packages`` themselves; through an allowed module they may.

    The list of sources is computed from the graph, so that a module is covered on the day it appears.
    """

    type_name = "only_in"

    packages = fields.SetField(subfield=fields.StringField())
    allowed = fields.SetField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Return every direct import that breaks the contract."""
        found = []
        for package in sorted(self.packages):
            targets = [one for one in graph.modules if one == package or one.startswith(f"{package}.")]
            importers = {one for target in targets for one in graph.find_modules_that_directly_import(target)}
            found += [(one, package) for one in sorted(importers - set(targets)) if not self._is_allowed(one)]
        return ContractCheck(kept=not found, metadata={"found": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print one line for each module that breaks the contract."""
        for importer, package in check.metadata["found"]:
            output.print_error(f"{importer} imports {package}; only {', '.join(sorted(self.allowed))} may")

    def _is_allowed(self, module: str) -> bool:
        return any(module == one or module.startswith(f"{one}.") for one in self.allowed)
