"""Arrays by name: what a model takes and gives, batch axis first."""

import numpy as np

Arrays = dict[str, np.ndarray]
