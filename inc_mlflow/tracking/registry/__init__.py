"""The registry: versions, aliases, and the ledger that says why they stand where they do."""
