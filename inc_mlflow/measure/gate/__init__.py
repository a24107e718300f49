"""The gate: a pure function from records to a verdict. Loads no engine."""
