"""Files under an `s3://` prefix: of a source, and of a lake that lies there. Credentials come from the environment, as usual; they are never shown, and neither is an answer whole."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from flows.errors import StoreRefuses, Unanswered, UserError, WrongUsage

if TYPE_CHECKING:
    from pyarrow import NativeFile
    from pyarrow.fs import S3FileSystem

T = TypeVar("T")
_ERROR = re.compile(r"AWS Error ([A-Z_]+)")
_OTHER_ERROR = re.compile(r"Unable to parse ExceptionName: ([A-Za-z]{1,60})\b")  # of a kind that Arrow has no name for
_STATUS = re.compile(r"HTTP status (\d{3})")
_BUSY = ("SLOW_DOWN", "SERVICE_UNAVAILABLE", "HTTP 503", "HTTP 429")
_WHO = "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and what they allow"
_WHERE = "Check AWS_REGION and AWS_ENDPOINT_URL"
_AGAIN = "Get new credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN)"
_REFUSALS = {  # asked again, the store would say the same; anything else may pass
    "ACCESS_DENIED": _WHO,
    "INVALID_ACCESS_KEY_ID": _WHO,
    "INVALID_CLIENT_TOKEN_ID": _WHO,
    "MISSING_AUTHENTICATION_TOKEN": _WHO,
    "SIGNATURE_DOES_NOT_MATCH": _WHO,
    "UNRECOGNIZED_CLIENT": _WHO,
    "HTTP 401": _WHO,
    "HTTP 403": _WHO,
    "HTTP 301": _WHERE,
    "EXPIRED_TOKEN": _AGAIN,
    "INVALID_TOKEN": _AGAIN,
    "NO_SUCH_BUCKET": "Check the bucket",
    "PERMANENT_REDIRECT": _WHERE,
    "AUTHORIZATION_HEADER_MALFORMED": _WHERE,
    "REQUEST_TIME_TOO_SKEWED": "Set the clock of this machine",
}


_GONE = "is gone, or the prefix in HOME/lake.url is not where it was. Restore it, with the home, from a back-up."


def is_s3(source: object) -> bool:
    """Whether a source is an `s3://` prefix, and no folder."""
    return str(source).lower().startswith("s3:")


def require_s3(lake: str) -> None:
    """Raises: WrongUsage for a place of a lake that is no prefix."""
    if not is_s3(lake):
        raise WrongUsage(f"{lake}: is no s3:// prefix. Without --lake, rows are kept in the home itself.")


def shown(source: object) -> str:
    """A source as it may be shown: without what was typed before an @ or after a question mark."""
    text = str(source)
    if not is_s3(text):
        return text
    return "s3://" + re.sub(r"^.*@", "", re.split(r"[?#]", text[3:].lstrip("/"), maxsplit=1)[0])


@dataclass(frozen=True)
class S3File:
    """One object. It has of a path what the reader of a source asks for."""

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

    def opened(self) -> NativeFile:
        """The object to read here and there, of which only that is fetched."""
        return _asked(f"s3://{self.key}", lambda: self.system.open_input_file(self.key))


@dataclass(frozen=True, order=True)
class S3Path:
    """A place under an `s3://` prefix where the lake lies. Of a `Path` it has what the lake asks for; a file is there whole or not at all."""

    key: str  # bucket and all, without a slash at the end

    @classmethod
    def of(cls, url: str) -> S3Path:
        return cls(_prefix_of(url))

    def __str__(self) -> str:
        return f"s3://{self.key}"

    def __truediv__(self, name: str) -> S3Path:
        return S3Path(f"{self.key}/{name}")

    @property
    def name(self) -> str:
        return self.key.rsplit("/", 1)[-1]

    @property
    def parent(self) -> S3Path:
        return S3Path(self.key.rsplit("/", 1)[0])

    def with_name(self, name: str) -> S3Path:
        return self.parent / name

    def exists(self) -> bool:
        from pyarrow.fs import FileType

        return _asked(str(self), lambda: _system().get_file_info(self.key)).type == FileType.File

    def read_bytes(self) -> bytes:
        def read() -> bytes:
            with _system().open_input_stream(self.key) as stream:
                return stream.read()

        return _asked(str(self), read, missing=_GONE)

    def read_here_and_there(self, read: Callable[[NativeFile], T]) -> T:
        """What `read` reads of the file, of which only that is fetched."""
        def opened() -> T:
            with _system().open_input_file(self.key) as file:
                return read(file)

        return _asked(str(self), opened, missing=_GONE)

    def write_bytes(self, content: bytes) -> None:
        def write() -> None:
            with _system().open_output_stream(self.key) as stream:
                stream.write(content)

        _asked(str(self), write, "written")

    def replace(self, target: S3Path) -> None:
        _asked(str(target), lambda: _system().copy_file(self.key, target.key), "written")
        self.unlink()

    def unlink(self, missing_ok: bool = False) -> None:
        if not missing_ok or self.exists():
            _asked(str(self), lambda: _system().delete_file(self.key), "removed")

    def files(self) -> list[S3Path]:
        """Every file under it."""
        from pyarrow.fs import FileSelector, FileType

        selector = FileSelector(self.key, recursive=True, allow_not_found=True)
        infos = _asked(str(self), lambda: _system().get_file_info(selector))
        return sorted(S3Path(info.path) for info in infos if info.type == FileType.File)

    def beginning_with(self, text: str) -> list[S3Path]:
        """What lies in it under a name that begins so: files, and what has files under it."""
        from pyarrow.fs import FileSelector

        infos = _asked(str(self), lambda: _system().get_file_info(FileSelector(self.key, allow_not_found=True)))
        return [S3Path(info.path) for info in infos if info.base_name.startswith(text)]

    def remove(self) -> None:
        """Remove it, with every file under it, and the mark that Arrow leaves where there were some."""
        from pyarrow.fs import FileType

        kind = _asked(str(self), lambda: _system().get_file_info(self.key)).type
        if kind == FileType.File:
            self.unlink()
        if kind == FileType.Directory:
            _asked(str(self), lambda: _system().delete_dir(self.key), "removed")


def s3_files(source: str) -> dict[str, S3File]:
    """Every object under a prefix, by its name within it, in order.

    Raises: UserError for a prefix that cannot be listed, or that carries credentials.
    """
    from pyarrow.fs import FileSelector, FileType

    system, prefix = _system(), _prefix_of(source)
    infos = _asked(shown(source), lambda: system.get_file_info(FileSelector(prefix, recursive=True)))
    files = {info.path[len(prefix) + 1 :]: S3File(info.path, info.size, system) for info in infos if info.type == FileType.File}
    return dict(sorted(files.items()))


def _prefix_of(url: str) -> str:
    """Bucket and key of an `s3://` address. Raises: UserError where it is none, or carries credentials."""
    if re.search("[?#]", url):
        raise UserError(f"{shown(url)}: was followed by a ? or #, which no prefix can have; and credentials do not belong in SOURCE or --lake.")
    if shown(url) != "s3://" + url[3:].lstrip("/"):
        raise UserError(f"{shown(url)}: credentials do not belong in SOURCE or --lake. Put them into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
    prefix = shown(url).removeprefix("s3://").rstrip("/")
    if not prefix:
        raise UserError(f"{shown(url)}: names no bucket. Write s3://BUCKET or s3://BUCKET/PREFIX.")
    if "//" in prefix:
        raise UserError(f"{shown(url)}: has two slashes one after the other. Write one.")
    return prefix


def _system() -> S3FileSystem:
    return _system_at(os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"))


@cache
def _system_at(endpoint: str | None) -> S3FileSystem:
    from pyarrow.fs import S3FileSystem

    # with `allow_delayed_open` a file of up to some megabytes is one request, and nothing is left of one that was cut off
    if not endpoint:
        return S3FileSystem(allow_delayed_open=True)
    where = urlsplit(endpoint)
    if where.scheme not in ("http", "https") or not where.netloc:
        raise UserError("AWS_ENDPOINT_URL: is no address of a store. Write it as in https://store.example.com:9000, or leave it out.")
    return S3FileSystem(endpoint_override=where.netloc.rsplit("@", 1)[-1], scheme=where.scheme, allow_delayed_open=True)


def _asked(what: str, ask: Callable[[], T], done: str = "read", missing: str = "is not there. Check the bucket and the prefix.") -> T:
    """Ask the store; what it answers may repeat a signed request, so only the kind of its refusal is told."""
    try:
        return ask()
    except FileNotFoundError:
        raise StoreRefuses(f"{what}: {missing}") from None
    except OSError as reason:
        kind = _kind_of(str(reason))
        if kind in _BUSY:
            raise Unanswered(f"{what}: cannot be {done}: the store says {kind}: it has too much to do. Wait a while, then run again.") from None
        why = "the store does not answer" if kind in ("", "NETWORK_CONNECTION") else f"the store says {kind}"
        what_to_do = _REFUSALS.get(kind, "Check AWS_REGION, AWS_ENDPOINT_URL and the network")
        raise (StoreRefuses if kind in _REFUSALS else Unanswered)(f"{what}: cannot be {done}: {why}. {what_to_do}, then run again.") from None


def _kind_of(answer: str) -> str:
    """What kind of refusal it is, in words with underscores; empty where there is no answer."""
    kind, status = _ERROR.search(answer), _STATUS.search(answer)
    if kind and kind[1] == "UNKNOWN" and status and not _OTHER_ERROR.search(answer):  # as of one without a word, to a question whether a file is there
        return f"HTTP {status[1]}"
    if kind and kind[1] == "UNKNOWN" and (other := _OTHER_ERROR.search(answer)):
        return re.sub("(?<=[a-z])(?=[A-Z])", "_", other[1]).upper()
    return kind[1] if kind else ""
