"""A seal in a Parquet file: the digest of all else in it, so that a bit that a disk turned is noticed before what it says is billed.

It lies before the footer, where no reader of Parquet looks: a sealed file is one like any other, and needs no second file beside it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import BinaryIO

_MARK = b"seatledger:seal1"
_LENGTH = len(_MARK) + sha256().digest_size
_END = b"PAR1"  # after the length of the footer, in four bytes
_AT_ONCE = 1 << 20


def seal(file: BinaryIO) -> None:
    """Seal a Parquet file that was just written, open to read and write."""
    footer, end = _footer_of(file)
    digest = _digest(file, (0, end))
    file.seek(footer)
    rest = file.read()
    file.seek(footer)
    file.write(_MARK + digest + rest)


def is_as_written(file: BinaryIO) -> bool | None:
    """Whether a file is as it was when it was sealed; None for one without a seal, as versions before 0.13.0 wrote them."""
    footer, end = _footer_of(file)
    if footer < 0:
        return False  # cut, or no Parquet
    if footer < _LENGTH:
        return None
    file.seek(footer - _LENGTH)
    told = file.read(_LENGTH)
    if not told.startswith(_MARK):
        return None
    return told[len(_MARK) :] == _digest(file, (0, footer - _LENGTH), (footer, end))


def _footer_of(file: BinaryIO) -> tuple[int, int]:
    """Where the footer begins, and the file ends; before its beginning for what is no whole Parquet file."""
    end = file.seek(0, 2)
    if end < 8:
        return -1, end
    file.seek(end - 8)
    told = file.read(8)
    return (end - 8 - int.from_bytes(told[:4], "little") if told.endswith(_END) else -1), end


def _digest(file: BinaryIO, *parts: tuple[int, int]) -> bytes:
    """The digest of these parts of a file, from and to."""
    found = sha256()
    for start, end in parts:
        file.seek(start)
        while start < end and (some := file.read(min(_AT_ONCE, end - start))):
            found.update(some)
            start += len(some)
    return found.digest()
