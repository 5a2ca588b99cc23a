"""How a command ends: what it says of what no command foresaw, and of a stdout that nobody reads."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from flows.errors import UserError, in_a_line, is_for_want_of_memory, is_interrupt, is_of_the_disk
from flows.standard_streams import CannotBeTold


class Stopped(SystemExit):
    """A signal asked the process to end. What is open is closed on the way, as for any error."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self._name = signal.Signals(number).name

    def told(self) -> int:
        """Say it, and return the exit code."""
        click.echo(f"seatledger: stopped ({self._name}); what was not yet saved is as if it had never been.", err=True)
        return int(str(self.code))


_stopped: list[Stopped] = []  # DuckDB at work in a query drops what a signal's handler raises, and says of any that it was interrupted


def told(error: UserError) -> int:
    """Say it, and return the exit code."""
    from flows.printable import printable_lines

    click.echo(f"seatledger: {printable_lines(str(error))}", err=True)
    return error.exit_code


def stop_when_told() -> None:
    """End in order when the system, or a terminal that closes, says so: but for a signal that whoever started this has ignored (nohup)."""

    def stop(number: int, _: object) -> None:
        _stopped.append(Stopped(number))
        raise _stopped[0]

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop)


@contextmanager
def though_nobody_reads_it() -> Iterator[None]:
    """What was done is done, whether or not it can be told on stdout."""
    try:
        yield
    except OSError as reason:
        tell_nothing_more()
        if not isinstance(reason, BrokenPipeError):
            click.echo(
                f"seatledger: what was done could not be written to stdout ({reason.strerror}). It is done: see seatledger status.",
                err=True,
            )


def write_out(text: str) -> None:
    """Write to stdout what other programs read. One that has stopped reading has read enough."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        tell_nothing_more()


def tell_nothing_more() -> None:
    """Whatever is still to be written to stdout goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def exit_code_of(error: BaseException) -> int:
    """Say what no command foresaw, where it is the system's or the user's doing, and return the exit code; raise what is a fault of ours."""
    if _stopped:  # whatever came of it: a library that was being loaded says otherwise that it could not be
        return _stopped[0].told()
    if is_interrupt(error) or isinstance(error, click.Abort):
        click.echo("seatledger: interrupted; what was not yet saved is as if it had never been.", err=True)
        return 128 + signal.SIGINT
    if is_for_want_of_memory(error):
        click.echo(
            "seatledger: the system gave the run no more memory or threads. What was not yet saved is as if it had never been; give it more and run it again.",
            err=True,
        )
        return 1
    if isinstance(error, CannotBeTold):
        tell_nothing_more()
        click.echo(f"seatledger: standard output cannot be written: {error.strerror}. Make room where it goes, or let it go elsewhere.", err=True)
        return 1
    if isinstance(error, PermissionError):
        click.echo(
            f"seatledger: {in_a_line(error)}\nNothing was changed. Whoever runs this has to be allowed to read and write it.", err=True
        )
        return 1
    if "Corrupt database file" in str(error):
        click.echo(
            f"seatledger: a database of the home is damaged: {in_a_line(error)}\nNothing was changed. Restore ledger.duckdb from a back-up of the home, "
            "together with all that lies beside it; if it is finance.duckdb alone, have it made anew: seatledger report",
            err=True,
        )
        return 1
    if is_of_the_disk(error):
        click.echo(f"seatledger: {in_a_line(error)}", err=True)
        click.echo("Nothing was changed. Is the disk full, or read-only? If a file is damaged, restore the home from a back-up.", err=True)
        return 1
    raise error
