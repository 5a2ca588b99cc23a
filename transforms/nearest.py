"""What somebody may have meant: the known names nearest to one that is not known. The only place that guesses."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fractions import Fraction
from heapq import nlargest

_ALIKE = Fraction(6, 10)  # a name that shares less than this with what was typed was not meant
_AS_GOOD = Fraction(1, 20)  # how much worse than the best another may be and still be named
_MANY = 300


def nearest(word: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The names most like a word, the best first, whatever their case; empty where none is like it.

    Never given personal values: what it returns is printed.
    """
    from difflib import SequenceMatcher, get_close_matches

    named: dict[str, str] = {}
    for name in known:
        named.setdefault(name.casefold(), name)
    typed = word.casefold()
    found = get_close_matches(typed, _worth_comparing(typed, named), n=most, cutoff=_ALIKE)
    if not found:
        return []
    alike = {name: SequenceMatcher(None, name, typed).ratio() for name in found}
    return [named[name] for name in found if alike[name] >= alike[found[0]] - _AS_GOOD]


def _worth_comparing(word: str, names: Collection[str]) -> Collection[str]:
    """Of very many names those that share most pairs of letters with a word: comparing takes long."""
    if len(names) <= _MANY:
        return names
    pairs = {word[n : n + 2] for n in range(len(word) - 1)}
    return nlargest(_MANY, names, key=lambda name: sum(pair in name for pair in pairs))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` Did you mean pro?` as a sentence to put behind another; empty where nothing is near."""
    names = nearest(word, known)
    if not names:
        return ""
    named = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
    return f" Did you mean {named}?"
