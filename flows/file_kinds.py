"""Which files of a source are read, by their names. What may have been meant and is not read is refused: to pass it over would lose its rows."""

from __future__ import annotations

from flows.errors import UserError

_READ = (".csv", ".parquet")
_PACKED = (
    *(".gz", ".gzip", ".zip", ".zst", ".zstd", ".bz2", ".xz", ".lz4", ".lzo", ".br", ".z", ".sz", ".snappy"),
    *(".7z", ".rar", ".tar", ".tgz", ".tbz2", ".txz"),
)
_OF_OTHER_KINDS = (
    *(".xlsx", ".xlsm", ".xls", ".ods", ".tsv", ".tab", ".psv", ".jsonl", ".ndjson"),
    *(".pq", ".parq", ".orc", ".avro", ".arrow", ".feather", ".ipc"),
)
_NOT_WHOLE = tuple(f"{kind}{rest}" for kind in _READ for rest in (".tmp", ".part", ".partial", ".filepart", ".crdownload", ".inprogress"))


def is_mark(name: str) -> bool:
    """Whether a file or folder is one of those that programs leave beside what they write: _SUCCESS, .DS_Store."""
    return name.rpartition("/")[2].startswith((".", "_"))


def is_data(name: str) -> bool:
    """Whether a file is read. Raises: UserError for one that is packed, of another kind, or not whole yet by its name."""
    alike = name.casefold()
    if alike.endswith(_PACKED):
        raise UserError(f"{name}: is compressed. Deliver it unpacked, as .csv or .parquet.")
    if is_mark(name):
        return False
    if name.endswith(_READ):
        return True
    if alike.endswith((*_READ, *_OF_OTHER_KINDS)):
        raise UserError(f"{name}: does not end in .csv or .parquet, as what is read does. Rename it, or deliver it as one of these.")
    if alike.endswith(_NOT_WHOLE):
        raise UserError(f"{name}: is not whole yet, by its name. Run again once it is there, or remove it.")
    return False
