"""Presigned URLs by botocore, for `src/io/remote/s3.rs`: `python make_s3.py > s3.json`. Needs botocore."""
import datetime
import json
from unittest import mock

import botocore.auth
import botocore.session
from botocore.config import Config

TIME = datetime.datetime(2026, 3, 4, 5, 6, 7, tzinfo=datetime.timezone.utc)
BASE = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}


def url(env, bucket, key):
    session = botocore.session.Session()
    session.set_credentials(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env.get("AWS_SESSION_TOKEN"))
    own = env.get("AWS_ENDPOINT_URL")
    client = session.create_client(
        "s3",
        region_name=env.get("AWS_REGION", "us-east-1"),
        endpoint_url=own or f"https://s3.{env.get('AWS_REGION', 'us-east-1')}.amazonaws.com",
        config=Config(signature_version="s3v4", s3={"addressing_style": "path" if own or "." in bucket else "virtual"}),
    )
    with mock.patch.object(botocore.auth, "get_current_datetime", lambda *a, **k: TIME.replace(tzinfo=None)):
        return client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=900)


cases = []
for more, bucket, prefix, key in [
    ({}, "bucket", "store.zarr", "v/c/0/1"),
    ({"AWS_REGION": "eu-central-1"}, "bucket", "a/b/store.zarr", ".zmetadata"),
    ({"AWS_REGION": "eu-central-1", "AWS_SESSION_TOKEN": "FwoGZXIvYXdzE//+token=="}, "bucket", "x", "v/0.0"),
    ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9000"}, "bucket", "x.zarr", "zarr.json"),
    ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9000"}, "bucket", "größe & more", "5% of+it/c/0"),
    ({}, "bucket.with.dots", "x", "v/c/0"),
    ({"AWS_ENDPOINT_URL": "https://store.example.org"}, "bucket", "", "zarr.json"),
]:
    env = {**BASE, **more}
    full = f"{prefix}/{key}" if prefix else key
    cases.append({"env": env, "bucket": bucket, "prefix": prefix, "key": key, "time": "2026-03-04T05:06:07Z", "url": url(env, bucket, full)})
print(json.dumps(cases, indent=1, ensure_ascii=False))
