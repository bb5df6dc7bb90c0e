"""Ctrl-C waits for a good moment, but not for ever."""

import signal
import threading

import pytest

from medkit import _interrupt
from medkit._interrupt import watch

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(autouse=True)
def handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def press():
    signal.raise_signal(signal.SIGINT)


def test_it_is_noted_and_the_old_handler_comes_back(handler):
    with watch() as interrupt:
        assert not interrupt.asked
        press()
        press()  # an impatient reader
        assert interrupt.asked
    assert signal.getsignal(signal.SIGINT) is handler
    with pytest.raises(KeyboardInterrupt):
        press()


def test_who_asks_again_later_is_obeyed_at_once(monkeypatch, handler):
    now = [0.0]
    monkeypatch.setattr(_interrupt.time, "monotonic", lambda: now[0])
    with pytest.raises(KeyboardInterrupt), watch():
        press()
        now[0] = 2.5
        press()
        pytest.fail("the second one was swallowed")
    assert signal.getsignal(signal.SIGINT) is handler


def test_where_it_may_be_raised_it_is():
    with pytest.raises(KeyboardInterrupt), watch() as interrupt:
        interrupt.at_once = True
        press()
        pytest.fail("swallowed")


def test_edge_other_threads_and_ignored_signals_are_left_alone(handler):
    seen = []

    def work():
        with watch() as interrupt:
            seen.append((interrupt.asked, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(False, handler)]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with watch():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
