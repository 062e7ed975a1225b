"""Turns the errors of a store's package into one line that says what to do, without importing the package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from data.errors import StorageError, UsageError

AGAIN = "Run the same command again"


@contextmanager
def asking(url: str) -> Iterator[None]:
    """Turn the errors of a store's package into a StorageError."""
    try:
        yield
    except (StorageError, UsageError):
        raise
    except Exception as error:
        raise _described(error, url) from error


def _described(error: Exception, url: str) -> StorageError:
    kind = type(error).__name__
    text = " ".join(str(error).split())[:200] or kind
    if isinstance(error, PermissionError):
        return StorageError(f"no permission ({text})", where=url, fix="Check the credentials and what they may do")
    if "Credential" in kind or "credentials" in text.lower():
        how = "GOOGLE_APPLICATION_CREDENTIALS" if url.startswith("gs:") else "AWS_PROFILE, AWS_ACCESS_KEY_ID or others"
        return StorageError("no credentials", where=url, fix=f"Set {how}, or for public data storage.anonymous=true")
    if kind == "FileExpired":
        return StorageError("the object was replaced while it was read", where=url, fix=AGAIN)
    if "Connect" in kind or "Timeout" in kind or "Endpoint" in kind or isinstance(error, (TimeoutError, ValueError)):
        fix = "Check the network, storage.endpoint_url and AWS_ENDPOINT_URL"
        return StorageError(f"the store does not answer ({text})", where=url, fix=fix)
    return StorageError(f"the store refused ({kind}: {text})", where=url, fix=AGAIN)
