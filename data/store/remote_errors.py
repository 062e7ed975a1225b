"""Whatever a store's package raises, told in one line that says what to do; no such package is imported for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from data.errors import StorageError, UsageError

AGAIN = "Run the same command again"


@contextmanager
def asking(url: str) -> Iterator[None]:
    """Turn what a store's package raises into a StorageError; a missing object stays a FileNotFoundError.

    Raises:
        StorageError: no bucket, no permission, no credentials, no answer, or refused otherwise.
    """
    try:
        yield
    except (StorageError, UsageError):
        raise
    except Exception as error:
        if isinstance(error, FileNotFoundError) and "specified bucket" not in str(error):
            raise
        raise _told(error, url) from error


def _told(error: Exception, url: str) -> StorageError:
    kind = type(error).__name__
    text = " ".join(str(error).split())[:200] or kind
    if isinstance(error, FileNotFoundError):
        return StorageError("no such bucket", where=url, fix="Make it, or check its name")
    if isinstance(error, PermissionError):
        return StorageError(f"no permission ({text})", where=url, fix="Check the credentials and what they may do")
    if "Credential" in kind or "credentials" in text.lower():
        how = "GOOGLE_APPLICATION_CREDENTIALS" if url.startswith("gs:") else "AWS_PROFILE, AWS_ACCESS_KEY_ID or others"
        return StorageError("no credentials", where=url, fix=f"Set {how}, or for public data storage.anonymous=true")
    if kind == "FileExpired":
        return StorageError("the object was replaced while it was read", where=url, fix=AGAIN)
    if "Connect" in kind or "Timeout" in kind or "Endpoint" in kind or isinstance(error, (TimeoutError, ValueError)):
        return StorageError(f"the store does not answer ({text})", where=url, fix="Check the network, "
                            "storage.endpoint_url and AWS_ENDPOINT_URL")  # fmt: skip
    return StorageError(f"the store refused ({kind}: {text})", where=url, fix=AGAIN)
