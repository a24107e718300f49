"""Hand a promoted model to what serves it: files, configuration, and words about what was measured."""
