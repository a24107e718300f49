"""Statistics: paired tests, intervals, resampling."""
