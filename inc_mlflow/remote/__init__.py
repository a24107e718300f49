"""Remote files: in S3, or below a ``file://`` folder that several machines mount."""

from inc_mlflow.remote.address import Address, is_remote
from inc_mlflow.remote.below import fetch_below
from inc_mlflow.remote.cache import CACHE, cache_folder, cache_path, fetch, local_path
from inc_mlflow.remote.content import FILES, check_bundle_file, unpack, upload, upload_text
from inc_mlflow.remote.entries import CACHE_BYTES
from inc_mlflow.remote.mirror import mirrored
from inc_mlflow.remote.stores import Store, open_store

__all__ = [
    "CACHE",
    "CACHE_BYTES",
    "FILES",
    "Address",
    "Store",
    "cache_folder",
    "cache_path",
    "check_bundle_file",
    "fetch",
    "fetch_below",
    "is_remote",
    "local_path",
    "mirrored",
    "open_store",
    "unpack",
    "upload",
    "upload_text",
]
