"""Promotion: from a request to a moved alias, one file per verb. Loads no engine, but to run rows again."""
