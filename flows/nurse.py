"""What a process cannot say of itself: that the system ended it. A nurse process waits for the run and says so.

Out of memory, a native library aborts or the system kills: no code of ours runs then. The nurse is the process that was started; the
run is its child. Signals are passed on, the exit code is the run's, and should the nurse be killed, the run ends with it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading

_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_OWN_CODES = (0, 1, 2, 3, *(128 + number for number in _PASSED_ON))
_ENDED_BY_THE_SYSTEM = (
    "seatledger: the run was ended by the system ({how}), most likely for want of memory. "
    "What was not yet saved is as if it had never been; give it more memory and run it again.\n"
)
_started_as = os.getpid()


def process_id() -> int:
    """The process that a person knows: the one that was started."""
    return _started_as


def tend() -> None:
    """Go on in a child; the process that was started waits for it and never returns from here. To be called before any thread is."""
    is_alive, keeps_alive = os.pipe()
    run = os.fork()
    if run == 0:
        os.close(keeps_alive)
        os.setpgid(0, 0)  # Ctrl-C reaches the nurse alone, which passes it on once
        threading.Thread(target=_end_with_the_nurse, args=[is_alive], daemon=True).start()
        return
    os.close(is_alive)
    for number in _PASSED_ON:
        if signal.getsignal(number) == signal.SIG_IGN:
            continue  # as nohup does: it is ignored by the run, too
        signal.signal(number, lambda number, _: _pass_on(run, number))
    os._exit(_end_of(run))


def _pass_on(run: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
        os.kill(run, number)


def _end_of(run: int) -> int:
    _, status = os.waitpid(run, 0)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(run, signal.SIGKILL)  # its workers, should it have left any
    code = os.waitstatus_to_exitcode(status)
    if code in _OWN_CODES:
        return code
    if -code in _PASSED_ON:
        return 128 - code
    if sys.stderr.isatty():
        sys.stderr.write("\x1b[?25h")  # a progress bar that was cut off had hidden the cursor
    sys.stderr.write(_ENDED_BY_THE_SYSTEM.format(how=signal.Signals(-code).name if code < 0 else f"code {code}"))
    sys.stderr.flush()
    return 1


def _end_with_the_nurse(is_alive: int) -> None:
    """The pipe's other end is the nurse's alone: it closes when the nurse is gone, however it went."""
    os.read(is_alive, 1)
    os.killpg(0, signal.SIGKILL)  # the run and its workers
