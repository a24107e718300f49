"""A real S3 server, with its buckets as plain folders that a test may look into and spoil."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3

from tests.support.programs import Program, free_port, listens

RCLONE = Path(sys.executable).with_name("rclone")
KEY, SECRET = "user", "user's secret"


class S3(Program):
    """A server, and the folder that holds its buckets."""

    def __init__(self, folder: Path) -> None:
        self.folder, port = folder, free_port()
        self.url = f"http://127.0.0.1:{port}"
        environment = {"PATH": os.environ["PATH"], "RCLONE_CONFIG": str(folder.with_name("rclone.conf"))}
        command = [
            RCLONE,
            "serve",
            "s3",
            "--addr",
            f"127.0.0.1:{port}",
            "--auth-key",
            f"{KEY},{SECRET}",
            folder,
        ]
        super().__init__(command, folder.with_name(f"{folder.name}.log"), lambda: listens(port), environment)

    def variables(self, url: str | None = None) -> dict[str, str]:
        """Return the variables with which every AWS tool reaches this server, or a proxy before it."""
        return {
            "AWS_ENDPOINT_URL": url or self.url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def bucket(self) -> str:
        """Make an empty bucket and return its URI."""
        name = f"bucket-{len(list(self.folder.iterdir()))}"
        keys = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET, "region_name": "us-east-1"}
        boto3.client("s3", endpoint_url=self.url, **keys).create_bucket(Bucket=name)
        return f"s3://{name}"


@contextmanager
def s3(folder: Path) -> Iterator[S3]:
    server = S3(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
