"""PyTorch: modules that a user's function builds, and folders as Hugging Face writes them."""
