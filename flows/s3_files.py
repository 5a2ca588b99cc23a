"""Files under an `s3://` prefix. Credentials come from the environment, as usual; they are never shown, and neither is an answer whole."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from flows.errors import Unanswered, UserError

if TYPE_CHECKING:
    from pyarrow.fs import S3FileSystem

T = TypeVar("T")
_ERROR = re.compile(r"AWS Error ([A-Z_]+)")
_REFUSALS = {  # asked again, the store would say the same; anything else may pass
    "ACCESS_DENIED",
    "INVALID_ACCESS_KEY_ID",
    "INVALID_CLIENT_TOKEN_ID",
    "MISSING_AUTHENTICATION_TOKEN",
    "NO_SUCH_BUCKET",
    "SIGNATURE_DOES_NOT_MATCH",
    "UNRECOGNIZED_CLIENT",
}


def is_s3(source: object) -> bool:
    """Whether a source is an `s3://` prefix, and no folder."""
    return str(source).lower().startswith("s3:")


def shown(source: object) -> str:
    """A source as it may be shown: without what was typed before an @ or after a question mark."""
    text = str(source)
    if not is_s3(text):
        return text
    return "s3://" + re.sub(r"^.*@", "", re.split(r"[?#]", text[3:].lstrip("/"), maxsplit=1)[0])


@dataclass(frozen=True)
class S3File:
    """One object, read whole. It has of a path what the reader of a source asks for."""

    key: str
    size: int
    system: S3FileSystem = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        return self.key.rsplit("/", 1)[-1]

    @property
    def suffix(self) -> str:
        return os.path.splitext(self.name)[1]

    def read_bytes(self) -> bytes:
        def read() -> bytes:
            with self.system.open_input_stream(self.key) as stream:
                return stream.read()

        return _asked(f"s3://{self.key}", read)


def s3_files(source: str) -> dict[str, S3File]:
    """Every object under a prefix, by its name within it, in order.

    Raises: UserError for a prefix that cannot be listed, or that carries credentials.
    """
    if shown(source) != "s3://" + source[3:].lstrip("/"):
        raise UserError(f"{shown(source)}: credentials do not belong in SOURCE. Put them into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
    from pyarrow.fs import FileSelector, FileType

    system = _system()
    prefix = shown(source).removeprefix("s3://").rstrip("/")
    infos = _asked(shown(source), lambda: system.get_file_info(FileSelector(prefix, recursive=True)))
    files = {info.path[len(prefix) + 1 :]: S3File(info.path, info.size, system) for info in infos if info.type == FileType.File}
    return dict(sorted(files.items()))


def _system() -> S3FileSystem:
    from pyarrow.fs import S3FileSystem

    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if not endpoint:
        return S3FileSystem()
    where = urlsplit(endpoint)
    return S3FileSystem(endpoint_override=where.netloc.rsplit("@", 1)[-1], scheme=where.scheme)


def _asked(what: str, ask: Callable[[], T]) -> T:
    """Ask the store; what it answers may repeat a signed request, so only the kind of its refusal is told."""
    try:
        return ask()
    except FileNotFoundError:
        raise UserError(f"{what}: is not there. Check the bucket and the prefix.") from None
    except OSError as reason:
        kind = _ERROR.search(str(reason))
        why = f"the store says {kind[1]}" if kind else "the store does not answer"
        raise (UserError if kind and kind[1] in _REFUSALS else Unanswered)(f"{what}: cannot be read: {why}. Check AWS_ACCESS_KEY_ID, AWS_REGION and the network, then run again.") from None
