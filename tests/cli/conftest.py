"""Commands run in this process, in an empty folder."""

from typing import NamedTuple

import pytest

from lasermesh.cli import main


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def run_command(capsys, monkeypatch, tmp_path):
    """`run_command("docs", "model")` is `lasermesh docs model`, started in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Done(code, *capsys.readouterr())

    return run
