"""TensorFlow's own forms of a model: SavedModel, frozen graph, checkpoint."""
