"""The seed of all random draws in measuring: rows, resamples and arrivals are the same for every model."""

SEED = 20240101
