"""docs/json.md as a schema: what each document holds, and whether one is as the page says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

Shape = dict[str, tuple[str, bool]]  # a field's type, and whether it may be missing
_PLAIN = {
    "text": lambda value: isinstance(value, str),
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "bool": lambda value: isinstance(value, bool),
    "date": lambda value: isinstance(value, str) and len(value) == 10 and bool(date.fromisoformat(value)),
    "time": lambda value: isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None,
}


def shapes_of(page: str) -> dict[str, Shape]:
    """Every object of the page with its fields."""
    shapes = {}
    for name, body in re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL):
        rows = re.findall(r"^\| `(\w+)`( †)? \| (\S+) \|", body, re.MULTILINE)
        shapes[name] = {field: (kind, bool(mark)) for field, mark, kind in rows}
    return shapes


def faults_of(document: Any, kind: str, shapes: Mapping[str, Shape], at: str = "") -> Iterator[str]:
    """What is in the document and not in the page, or the other way."""
    if kind.endswith("?"):
        if document is None:
            return
        kind = kind[:-1]
    if kind.endswith("[]"):
        if not isinstance(document, list):
            yield f"{at}: is no list"
            return
        for n, one in enumerate(document):
            yield from faults_of(one, kind[:-2], shapes, f"{at}[{n}]")
    elif kind in _PLAIN:
        if not _PLAIN[kind](document):
            yield f"{at}: {document!r} is no {kind}"
    elif not isinstance(document, dict):
        yield f"{at}: {document!r} is no {kind}"
    else:
        yield from _faults_of_fields(document, shapes[kind], shapes, at)


def _faults_of_fields(document: dict, shape: Shape, shapes: Mapping[str, Shape], at: str) -> Iterator[str]:
    for name in document.keys() - shape.keys():
        yield f"{at}.{name}: is not on the page"
    for name, (kind, may_be_missing) in shape.items():
        if name in document:
            yield from faults_of(document[name], kind, shapes, f"{at}.{name}")
        elif not may_be_missing:
            yield f"{at}.{name}: is missing"


def fields_seen(document: Any, kind: str, shapes: Mapping[str, Shape]) -> Iterator[tuple[str, str]]:
    """Each object's fields that a document has a value for."""
    kind = kind.removesuffix("?")
    if isinstance(document, list):
        for one in document:
            yield from fields_seen(one, kind.removesuffix("[]"), shapes)
    elif isinstance(document, dict):
        for name, value in document.items():
            if value is not None:
                yield kind, name
            yield from fields_seen(value, shapes[kind][name][0], shapes)
