"""S3 and compatible stores.

Credentials, region and AWS_ENDPOINT_URL come from the environment, as for every AWS tool.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.errors import DataError, IncError, StateError
from inc_mlflow.remote.address import Address
from inc_mlflow.remote.stores import Version

if TYPE_CHECKING:
    from boto3.s3.transfer import TransferConfig
    from botocore.exceptions import BotoCoreError, ClientError
    from mypy_boto3_s3 import S3Client

PART = 16 << 20
"""Bytes that one call fetches or sends."""
AT_ONCE = 16
"""Calls in flight at once."""
_MD5 = re.compile(r"[0-9a-f]{32}")
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_HOW_TO_SIGN = (
    "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; "
    "in a cluster give the service account a role"
)
_REFUSED = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "TokenRefreshRequired",
}
_DENIED = {"AccessDenied", "AllAccessDisabled", "403"}
_ABSENT = {"NoSuchKey", "404"}


class S3:
    """The buckets of one endpoint."""

    def __init__(self, address: Address) -> None:
        with _refusals(address):
            self._client = _client()

    def versions(self, address: Address) -> Mapping[str, Version]:
        """List the first 1,000 objects whose key begins so; needs s3:ListBucket."""
        with _refusals(address):
            answer = self._client.list_objects_v2(Bucket=address.bucket, Prefix=address.key)
        return {one["Key"]: Version(one["ETag"], one["Size"]) for one in answer.get("Contents", [])}

    def below(self, folder: Address) -> Mapping[str, Version]:
        """List all objects of a folder but the empty ones that stand for folders; needs s3:ListBucket."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=folder.bucket, Prefix=f"{folder.key}/".lstrip("/")
        )
        with _refusals(folder):
            found = [one for page in pages for one in page.get("Contents", [])]
        return {
            one["Key"]: Version(one["ETag"], one["Size"]) for one in found if not one["Key"].endswith("/")
        }

    def download(self, files: Mapping[Address, Path]) -> None:
        """Copy objects, several at once, large ones in parts with retries; needs s3:GetObject."""
        from boto3.s3.transfer import create_transfer_manager

        with create_transfer_manager(self._client, _transfer()) as manager:
            begun = {
                address: manager.download(address.bucket, address.key, str(target))
                for address, target in files.items()
            }
            for address, copy in begun.items():
                with _refusals(address):
                    copy.result()

    def check(self, address: Address, version: Version, file: Path) -> None:
        """Compare the size and, where the ETag is an MD5, the bytes. Raises DataError where they differ."""
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        tag = version.tag.strip('"')
        wrong = _MD5.fullmatch(tag) and digest != tag and self._tag_is_md5(address)
        if wrong or file.stat().st_size != version.size:
            raise DataError(
                f"{address}: what came is not what S3 says it has (ETag {tag}); try again, or upload it again"
            )

    def write(self, source: Path, address: Address) -> None:
        """Upload an object, a large one in parts; needs s3:PutObject."""
        with _refusals(address), source.open("rb") as file:
            self._client.upload_fileobj(file, address.bucket, address.key, Config=_transfer())

    def _tag_is_md5(self, address: Address) -> bool:
        """Return whether the ETag is an MD5: of encrypted objects only where the key is AWS's own."""
        with _refusals(address):
            head = self._client.head_object(Bucket=address.bucket, Key=address.key)
        encryption = head.get("ServerSideEncryption") or head.get("SSECustomerAlgorithm")
        return encryption is None or (
            encryption == "AES256" and "SSECustomerAlgorithm" not in head and _endpoint() is None
        )


def _client() -> "S3Client":
    import boto3
    from botocore.config import Config

    endpoint = _endpoint()
    if endpoint is not None and not endpoint.startswith(("http://", "https://")):
        raise StateError(f"AWS_ENDPOINT_URL: {endpoint!r} is no URL; write it as https://host")
    config = Config(
        connect_timeout=5,
        read_timeout=60,
        retries={"max_attempts": 5, "mode": "standard"},
        max_pool_connections=AT_ONCE,
        # Compatible servers know neither buckets as host names nor checksums behind the body.
        s3={"addressing_style": "path" if endpoint else "auto"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.Session().client("s3", config=config, endpoint_url=endpoint)


def _endpoint() -> str | None:
    return next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), None)


def _transfer() -> "TransferConfig":
    from boto3.s3.transfer import TransferConfig

    return TransferConfig(
        multipart_threshold=PART,
        multipart_chunksize=PART,
        max_concurrency=AT_ONCE,
        preferred_transfer_client="classic",
    )


@contextmanager
def _refusals(address: Address) -> Iterator[None]:
    """Turn errors of S3 and the network into an IncError of one line; botocore's messages hold no keys."""
    from botocore.exceptions import BotoCoreError, ClientError
    from s3transfer.exceptions import RetriesExceededError, S3DownloadFailedError, S3ValidationError

    try:
        yield
    except ClientError as error:
        raise _refused(address, error) from error
    except BotoCoreError as error:
        raise _failed(address, error) from error
    except RetriesExceededError as error:
        raise _unreachable(address, error.last_exception) from error
    except (S3DownloadFailedError, S3ValidationError) as error:
        raise DataError(f"{address}: changed while it was read; try again") from error


def _refused(address: Address, error: "ClientError") -> IncError:
    code, message = error.response["Error"].get("Code", "unknown"), error.response["Error"].get("Message", "")
    if code == "NoSuchBucket":
        return StateError(
            f"{address}: no bucket {address.bucket!r}; make it, or set AWS_ENDPOINT_URL where it is"
        )
    if code in _ABSENT:
        return DataError(f"{address}: no such object; upload it, or check the address")
    if code in _DENIED:
        return StateError(
            f"{address}: access denied; it takes s3:ListBucket, s3:GetObject and, to submit, s3:PutObject"
        )
    if code in _REFUSED:
        return StateError(f"{address}: the credentials are refused ({code}); renew them: {_HOW_TO_SIGN}")
    return StateError(
        f"{address}: S3 refuses ({code}: {_line(message)}); check bucket, region and AWS_ENDPOINT_URL"
    )


def _failed(address: Address, error: "BotoCoreError") -> IncError:
    from botocore import exceptions as known

    if isinstance(
        error, known.NoCredentialsError | known.PartialCredentialsError | known.CredentialRetrievalError
    ):
        return StateError(f"{address}: no credentials for S3 ({_line(error)}); {_HOW_TO_SIGN}")
    if isinstance(error, known.ConnectionError | known.HTTPClientError | known.IncompleteReadError):
        return _unreachable(address, error)
    return StateError(f"{address}: {_line(error)}; check AWS_PROFILE, AWS_REGION and AWS_ENDPOINT_URL")


def _unreachable(address: Address, error: object) -> StateError:
    return StateError(
        f"{address}: S3 cannot be reached ({_line(error)}); check the network and AWS_ENDPOINT_URL"
    )


def _line(text: object) -> str:
    return " ".join(str(text).split()).rstrip(".")
