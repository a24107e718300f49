"""S3 and what speaks like it. Credentials, region and AWS_ENDPOINT_URL are the environment's, as for every AWS tool."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.errors import DataError, IncError, StateError
from inc_mlflow.remote.address import Address
from inc_mlflow.remote.stores import PIECE, Version

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError
    from mypy_boto3_s3 import S3Client

_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_HOW_TO_SIGN = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; in a cluster give the service account a role"
_REFUSED = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired"}
_DENIED = {"AccessDenied", "AllAccessDisabled", "403"}
_ABSENT = {"NoSuchKey", "404"}


class S3:
    """The buckets of one endpoint."""

    def __init__(self, address: Address) -> None:
        with _refusals(address):
            self._client = _client()

    def versions(self, address: Address) -> Mapping[str, Version]:
        """List at most 1000 objects, the nearest names first; asks for s3:ListBucket."""
        with _refusals(address):
            answer = self._client.list_objects_v2(Bucket=address.bucket, Prefix=address.key)
        return {one["Key"]: Version(one["ETag"], one["Size"]) for one in answer.get("Contents", [])}

    @contextmanager
    def read(self, address: Address) -> Iterator[Iterator[bytes]]:
        """Open an object, in pieces; asks for s3:GetObject."""
        with _refusals(address):
            body = self._client.get_object(Bucket=address.bucket, Key=address.key)["Body"]
            with body:
                yield body.iter_chunks(PIECE)

    def write(self, source: Path, address: Address) -> None:
        """Put an object; asks for s3:PutObject."""
        with _refusals(address), source.open("rb") as file:
            self._client.put_object(Bucket=address.bucket, Key=address.key, Body=file)


def _client() -> "S3Client":
    import boto3
    from botocore.config import Config

    endpoint = next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), None)
    if endpoint is not None and not endpoint.startswith(("http://", "https://")):
        raise StateError(f"AWS_ENDPOINT_URL: {endpoint!r} is no URL; write it as https://host")
    config = Config(
        connect_timeout=5,
        read_timeout=60,
        retries={"max_attempts": 3, "mode": "standard"},
        # Servers that only speak like S3 know neither buckets as host names nor checksums behind the body.
        s3={"addressing_style": "path" if endpoint else "auto"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.Session().client("s3", config=config, endpoint_url=endpoint)


@contextmanager
def _refusals(address: Address) -> Iterator[None]:
    """Say in one line what S3 or the way to it refuses; keys never stand in botocore's messages."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise _refused(address, error) from error
    except BotoCoreError as error:
        raise _failed(address, error) from error


def _refused(address: Address, error: "ClientError") -> IncError:
    code, message = error.response["Error"].get("Code", "unknown"), error.response["Error"].get("Message", "")
    if code == "NoSuchBucket":
        return StateError(f"{address}: no bucket {address.bucket!r}; make it, or set AWS_ENDPOINT_URL where it is")
    if code in _ABSENT:
        return DataError(f"{address}: no such object; upload it, or check the address")
    if code in _DENIED:
        return StateError(f"{address}: access denied; it takes s3:ListBucket, s3:GetObject and, to submit, s3:PutObject")
    if code in _REFUSED:
        return StateError(f"{address}: the credentials are refused ({code}); renew them: {_HOW_TO_SIGN}")
    return StateError(f"{address}: S3 refuses ({code}: {_line(message)}); check bucket, region and AWS_ENDPOINT_URL")


def _failed(address: Address, error: "BotoCoreError") -> IncError:
    from botocore import exceptions as known

    if isinstance(error, known.NoCredentialsError | known.PartialCredentialsError | known.CredentialRetrievalError):
        return StateError(f"{address}: no credentials for S3 ({_line(error)}); {_HOW_TO_SIGN}")
    if isinstance(error, known.ConnectionError | known.HTTPClientError | known.IncompleteReadError):
        return StateError(f"{address}: S3 cannot be reached ({_line(error)}); check the network and AWS_ENDPOINT_URL")
    return StateError(f"{address}: {_line(error)}; check AWS_PROFILE, AWS_REGION and AWS_ENDPOINT_URL")


def _line(text: object) -> str:
    return " ".join(str(text).split()).rstrip(".")
