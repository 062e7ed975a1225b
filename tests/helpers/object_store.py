"""A bucket of the S3 server that the tests start."""

from pathlib import Path

from data.store.remote import Storage
from data.video.video_search import find_videos
from tests.helpers.extracting import configured


class Bucket:
    """An empty bucket, and the folder of a user of it."""

    def __init__(self, server, name, home):
        import boto3

        self.client = boto3.client("s3", endpoint_url=server)
        self.client.create_bucket(Bucket=name)
        self.name, self.server, self.home = name, server, home
        self.storage = Storage(server, scratch=home / "scratch")

    def put(self, key, content):
        """Put an object into the bucket, past this program."""
        self.client.put_object(Bucket=self.name, Key=key, Body=content)

    def get(self, key):
        """The content of an object."""
        content = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return content

    def keys(self, prefix=""):
        """Names of all objects."""
        listed = self.client.list_objects_v2(Bucket=self.name, Prefix=prefix).get("Contents", [])
        return [entry["Key"] for entry in listed]

    def videos(self):
        """The records of the videos in it."""
        return find_videos([Path(f"s3://{self.name}/in")], self.storage).records

    def config(self, **values):
        """A configuration whose cache is in it."""
        storage = {"endpoint_url": self.server, "scratch": str(self.home / "scratch")} | values.pop("storage", {})
        cache = values.pop("cache", f"s3://{self.name}/cache")
        return configured(cache, storage=storage, **values)
