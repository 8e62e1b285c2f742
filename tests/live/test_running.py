"""What is wrong with the words of a live run is said before anything is measured, compiled or made."""

import pytest

from lasermesh.errors import UserError
from lasermesh.live import joining, running


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"on_host": "lundon", "command": ["true"]}, 'no host is named "lundon"'),
        ({"command": ["no-such-program"]}, 'no command "no-such-program"'),
        ({}, 'a mesh "live" is running'),
    ],
)
def test_hosts_commands_and_names_that_cannot_be_are_refused_at_once(monkeypatch, tmp_path, how, words):
    def measure(live):
        raise AssertionError("this takes long")

    monkeypatch.setattr(running, "measure_overhead", measure)
    monkeypatch.setattr(joining, "running_meshes", lambda: ["live"] if not how else [])
    with pytest.raises(UserError, match=words):
        running.run_live("live", output=tmp_path / "run", **how)
    assert not list(tmp_path.iterdir())
