"""Write the results of every example anew: python -m tests.docs.refresh [page.md …]. Read what `git diff docs` shows before you commit it."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.docs.data_dictionary import data_dictionary
from tests.docs.homes import bill_the_sample
from tests.docs.pages import written_anew

DOCS = Path(__file__).resolve().parents[2] / "docs"
RUN = ("analysts.md", "commands.md", "why-is-my-invoice-higher.md")  # pages whose examples are run
MADE = {"data-dictionary.md": data_dictionary}  # pages made whole from the finance database


def page_now(name: str, folder: Path) -> str:
    """A page as it should be, in a folder where `warehouse` is the sample's home."""
    if name in MADE:
        return MADE[name](folder / "warehouse" / "finance.duckdb")
    return written_anew((DOCS / name).read_text(encoding="utf-8"), folder)


def main() -> None:
    for name in sys.argv[1:] or [*RUN, *MADE]:
        with tempfile.TemporaryDirectory() as folder:
            bill_the_sample(Path(folder) / "warehouse")
            now = page_now(name, Path(folder))
        is_new = not (DOCS / name).exists() or (DOCS / name).read_text(encoding="utf-8") != now
        (DOCS / name).write_text(now, encoding="utf-8")
        print(f"docs/{name}: {'written anew' if is_new else 'as it was'}")


if __name__ == "__main__":
    main()
