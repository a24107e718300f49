"""Training of candidates and models: the room, beside sources, that knows torch."""
