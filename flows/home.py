"""Where everything is kept: one folder, private, used by one run at a time."""

from __future__ import annotations

import errno
import fcntl
import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import TextIO

from flows.errors import UserError, WrongUsage
from flows.nurse import process_id

log = logging.getLogger("seatledger")

_NOT_FOR_DUCKDB = "?\\"  # it writes its log beside what comes before a ?, and takes \ for /
_LONGEST_BURIAL = 1.0  # seconds


class Home:
    """The paths under a home folder. Made, private to its owner, when first written; who opens it to a group is left to.

    A run that finds it in use by another gives up at once, or waits up to `patience` seconds.
    """

    def __init__(self, root: Path, patience: float = 0) -> None:
        self.root = Path(root)
        self._patience = patience
        self.ledger = self.root / "ledger.duckdb"
        self.finance = self.root / "finance.duckdb"
        self.status = self.root / "status.json"
        self.receipts = self.root / "receipts.jsonl"
        self.lake = self.root / "lake"
        self.lake_url = self.root / "lake.url"
        self.reports = self.root / "reports"
        self._lock = self.root / ".lock"

    def make(self) -> None:
        wrong = next((sign for sign in _NOT_FOR_DUCKDB if sign in str(self.root.absolute())), None)
        if wrong:
            raise WrongUsage(f"{self.root.absolute()}: has a {wrong} in its path, by which DuckDB would look elsewhere. Choose another with --home.")
        try:
            str(self.root.absolute()).encode()
            if not self.root.exists():
                self.root.mkdir(parents=True, mode=0o700)
            self.lake.mkdir(exist_ok=True)
        except OSError as reason:
            raise UserError(f"{self.root}: the home cannot be made or written: {reason.strerror}. Choose another with --home.") from None
        except UnicodeEncodeError:
            raise UserError(f"{str(self.root)!r}: has a path that is not UTF-8, which DuckDB asks for. Choose another with --home.") from None

    def require(self, path: Path) -> None:
        """Require the ledger or finance.duckdb, to read it. Raises: UserError saying what is missing and what to do."""
        if path.is_file():
            return
        if path.is_dir():
            mend = f"have it made anew: seatledger report --home {quote(str(self.root))}" if path == self.finance else "restore it from a back-up."
            raise UserError(f"{path}: is a folder, where a database is to be. Move it away, then {mend}")
        if self.root.is_file():
            raise UserError(f"{self.root}: is a file. Name the folder that it is in with --home.")
        if self.ledger.exists() and self.receipts.exists():
            raise UserError(f"{path}: is not there, but the ledger that it is made of is. Make it again: seatledger report --home {quote(str(self.root))}")
        if self.finance.exists() or self.receipts.exists():
            raise UserError(f"{self.ledger}: is gone, and what was made of it is there. Restore it from a back-up.")
        raise self.nothing_is_kept()

    def nothing_is_kept(self) -> UserError:
        """To be raised where no run was ever saved."""
        return UserError(f"{self.root}: nothing is kept there yet. Start with `seatledger ingest SOURCE` or `seatledger demo`, or name the home with --home.")

    def require_something(self) -> None:
        """A folder in which nothing is kept is not made a home by who only asks for what is in it. Raises: UserError."""
        if not self.receipts.exists():
            self.require(self.ledger)

    @contextmanager
    def locked(self, *, to_read: bool = False) -> Iterator[None]:
        """Hold the home for one run; a second run is told which process holds it.

        Who only reads holds it, too, but where nothing can be written: there no run can be, as in a back-up on a disk that is read-only.
        """
        self.make()
        try:
            file = open(self._lock, "a+", encoding="ascii")  # noqa: SIM115 - closed below, after the lock is let go
        except OSError as reason:
            if to_read and reason.errno in (errno.EROFS, errno.EACCES):
                yield
                return
            raise UserError(f"{self._lock}: cannot be written: {reason.strerror}. Choose another home with --home.") from None
        with file:
            if not _is_got(file, _LONGEST_BURIAL) and not self._is_got_in_the_end(file):
                raise UserError(
                    f"{self.root}: {_holder(file)} is using this home. Wait for it to end."
                )
            file.seek(0)
            if file.read():
                self._sweep()
            file.truncate(0)
            file.write(str(process_id()))
            file.flush()
            try:
                yield
            finally:
                file.truncate(0)

    def reports_are_of(self, run_id: str) -> None:
        """Remember the run that the reports, all of them, were written by."""
        self.reports.mkdir(exist_ok=True)
        (self.reports / ".run").write_text(run_id, encoding="ascii")

    def reports_run(self) -> str:
        """The run that the reports were last whole for; empty: none."""
        path = self.reports / ".run"
        return path.read_text(encoding="ascii") if path.exists() else ""

    def _is_got_in_the_end(self, file: TextIO) -> bool:
        if self._patience:
            log.info("waiting for another run (process %s) to end with this home", _holder(file))
        return self._patience > 0 and _is_got(file, self._patience)

    def _sweep(self) -> None:
        """Remove what a run that was killed left half written: files beside their place, named with a dot and its process."""
        from flows.lake import lake_of

        of_reports = [path for kind in ("csv", "html", "xlsx") for path in self.reports.rglob(f".*.{kind}.*")]
        for path in [*self.root.glob(".finance.duckdb.*"), *self.root.glob(".status.json.*"), *of_reports]:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)  # DuckDB's own folder for what waits on disk is one
        lake_of(self).sweep()


def _holder(file: TextIO) -> str:
    """Who holds a lock file: a run writes its process down, others do not."""
    file.seek(0)
    process = file.read().strip()
    return f"another run (process {process})" if process else "another program, such as a back-up,"


def _is_got(file: TextIO, wait: float) -> bool:
    """Lock a file; one that a process holds which was killed a moment ago is let go of once the system has buried it."""
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
