"""Ctrl-C that waits for a good moment: between two steps, when weights and optimiser agree."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator

PATIENCE = 2.0  # seconds in which a second Ctrl-C changes nothing: the step and its save need them


class Interrupted(KeyboardInterrupt):
    """A run was stopped on request; the message says where, and how to go on."""


class Watch:
    """Whether somebody pressed Ctrl-C, or the notebook's stop button.

    asked: they did.
    at_once: while True it is not kept for later, but raised as usual.
    """

    def __init__(self):
        self.asked = self.at_once = False
        self.since = 0.0

    def note(self, number, frame) -> None:
        """Handle the signal. Who asks again because nothing happens is obeyed at once."""
        now = time.monotonic()
        if self.at_once or (self.asked and now - self.since > PATIENCE):
            raise KeyboardInterrupt
        if not self.asked:
            self.ask()

    def ask(self) -> None:
        """Keep in mind that somebody asked, from now on."""
        self.asked, self.at_once, self.since = True, False, time.monotonic()


@contextlib.contextmanager
def watch() -> Iterator[Watch]:
    """Note an interrupt instead of raising it; what handled it before does so again afterwards.

    Edge: outside the main thread, or where Ctrl-C is ignored (nohup), nothing is changed.
    """
    found = Watch()
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT) if main else signal.SIG_IGN
    if before in (signal.SIG_IGN, None):
        yield found
        return
    signal.signal(signal.SIGINT, found.note)
    try:
        yield found
    finally:
        signal.signal(signal.SIGINT, before)
