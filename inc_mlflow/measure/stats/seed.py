"""The seed of all that is drawn at random in measuring: the same rows, resamples and arrivals for every model and job."""

SEED = 20240101
