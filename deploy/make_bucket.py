"""Make a bucket in an S3-compatible store, waiting until the store answers; fine when it exists.

Usage: make_bucket.py NAME, with MLFLOW_S3_ENDPOINT_URL and the usual AWS_* variables.
"""

from __future__ import annotations

import os
import sys
import time

import boto3
from botocore.exceptions import BotoCoreError, ClientError

PATIENCE_SECONDS = 60
OURS_ALREADY = {"BucketAlreadyExists", "BucketAlreadyOwnedByYou"}


def make_bucket(name: str) -> None:
    """Make the bucket; raise what the store said last when it never answered in time."""
    store = boto3.client("s3", endpoint_url=os.environ["MLFLOW_S3_ENDPOINT_URL"])
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            store.create_bucket(Bucket=name)
        except (BotoCoreError, ClientError) as error:
            answer = getattr(error, "response", {}).get("Error", {}).get("Code")
            if answer in OURS_ALREADY:
                return
            if time.monotonic() > end:
                raise
            time.sleep(1)
        else:
            return


if __name__ == "__main__":
    make_bucket(sys.argv[1])
