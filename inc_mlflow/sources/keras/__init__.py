"""Keras files: ``.keras``, and ``.h5`` or ``.hdf5`` of Keras 2 and 3."""
