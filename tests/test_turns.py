"""Turns of the processes of a suite, here of threads: whoever is to be alone is, and gets to be."""

import tempfile
import threading

import pytest

from tests.turns import Turns

pytest.importorskip("fcntl")
SOON_S, AT_LAST_S = 0.05, 10.0


@pytest.fixture
def suite(tmp_path, monkeypatch):
    """What a suite is told from others by; its locks go with the test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


class Process(threading.Thread):
    """Something that waits for its turn."""

    def __init__(self, suite, is_alone):
        super().__init__(daemon=True)
        self.turns, self._is_alone, self.began = Turns(suite), is_alone, threading.Event()
        self.start()

    def run(self):
        self.turns.begin(self._is_alone)
        self.began.set()


def test_one_that_is_to_be_alone_waits_for_those_that_run_and_holds_up_those_behind_it(suite):
    first, second = (Process(suite, is_alone=False) for _ in range(2))
    assert first.began.wait(AT_LAST_S) and second.began.wait(AT_LAST_S)
    alone = Process(suite, is_alone=True)
    first.turns.end()
    assert not alone.began.wait(SOON_S)
    behind = Process(suite, is_alone=False)
    assert not behind.began.wait(SOON_S)
    second.turns.end()
    assert alone.began.wait(AT_LAST_S)
    assert not behind.began.wait(SOON_S)
    alone.turns.end()
    assert behind.began.wait(AT_LAST_S)
    behind.turns.end()


def test_suites_do_not_wait_for_each_other(suite):
    one, another = Process(suite / "one", is_alone=True), Process(suite / "another", is_alone=True)
    assert one.began.wait(AT_LAST_S) and another.began.wait(AT_LAST_S)
