"""What ends a live run from outside."""

import os
import signal

import pytest

from lasermesh.live.stopping import LiveStopping


def test_repeated_signals_to_end_are_one_request_and_ctrl_c_after_it_ends_at_once():
    stopping = LiveStopping(has_command=True)
    before = signal.getsignal(signal.SIGHUP)
    with stopping.noted():
        os.kill(os.getpid(), signal.SIGINT)
        assert (stopping.is_asked, stopping.was_interrupted) == (False, True)  # the command's
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGTERM, signal.SIGHUP):
            os.kill(os.getpid(), number)
            assert stopping.is_asked
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        stopping.keep()
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGHUP) == before


def test_a_run_that_is_to_outlive_its_terminal_does():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        stopping = LiveStopping(has_command=False)
        with stopping.noted():
            os.kill(os.getpid(), signal.SIGHUP)
        assert not stopping.is_asked
    finally:
        signal.signal(signal.SIGHUP, before)
