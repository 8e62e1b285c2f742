"""The engine is compiled beside the rest only where that is of use, and nothing hangs on how it ends."""

from lasermesh.experiments import compiling
from lasermesh.experiments.compiling import EngineCompilation


def test_no_process_is_started_where_the_engine_is_kept_or_a_processor_is_missing(monkeypatch):
    monkeypatch.setattr(compiling, "_COMPILE", "raise SystemExit(0)")
    for kept, processors in ((True, 8), (False, 1)):
        monkeypatch.setattr(compiling, "_engine_is_kept", lambda kept=kept: kept)
        monkeypatch.setattr(compiling, "processors", lambda processors=processors: processors)
        compilation = EngineCompilation()
        assert compilation._process is None
        compilation.wait()


def test_a_process_that_fails_is_waited_for_and_forgotten(monkeypatch):
    monkeypatch.setattr(compiling, "_COMPILE", "raise SystemExit(3)")
    monkeypatch.setattr(compiling, "_engine_is_kept", lambda: False)
    monkeypatch.setattr(compiling, "processors", lambda: 2)
    compilation = EngineCompilation()
    process = compilation._process
    compilation.wait()
    assert process.returncode == 3
    compilation.wait()
