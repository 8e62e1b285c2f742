"""How kernels are compiled, and where the compiled code is kept."""

import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

from lasermesh import compiled
from lasermesh.compiled import CACHE_FOLDER, cache_key, choose_cache_folder, hot_kernel, kernel


@kernel
def count_above(values, limit):
    n = 0
    for value in values:
        if value > limit:
            n += 1
    return n


@hot_kernel
def add_up(values):
    total = 0
    for value in values:
        total += value
    return total


@hot_kernel
def allocate(n):
    return np.zeros(n)


def use_home(monkeypatch, folder):
    """Let the user's cache be inside `folder`, with no NUMBA_CACHE_DIR set."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    monkeypatch.setenv("LOCALAPPDATA", str(folder))


def test_numba_keeps_compiled_code_in_the_folder_chosen_here():
    assert Path(CACHE_FOLDER).name == cache_key()
    assert numba.config.CACHE_DIR == CACHE_FOLDER


def test_the_cache_is_in_the_users_cache_folder(monkeypatch, tmp_path):
    use_home(monkeypatch, tmp_path)
    assert choose_cache_folder() == str(tmp_path / "lasermesh" / cache_key())
    assert (tmp_path / "lasermesh" / cache_key()).is_dir()


def test_the_cache_is_inside_a_folder_that_the_user_names(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert choose_cache_folder() == str(tmp_path / cache_key())


def test_a_process_started_by_another_uses_the_same_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / cache_key()))
    assert choose_cache_folder() == str(tmp_path / cache_key())


def test_bounds_checked_code_has_a_cache_of_its_own(monkeypatch):
    keys = set()
    for value in ("0", "1"):
        monkeypatch.setenv("NUMBA_BOUNDSCHECK", value)
        keys.add(cache_key())
    assert len(keys) == 2


def test_an_edited_kernel_or_an_edited_constant_changes_the_cache(monkeypatch, tmp_path):
    (tmp_path / "compiled.py").write_text("")
    (tmp_path / "a_kernels.py").write_text("from lasermesh.state import LIMIT\n")
    (tmp_path / "state.py").write_text("LIMIT = 1\n")
    (tmp_path / "other.py").write_text("")
    monkeypatch.setattr(compiled, "_PACKAGE", tmp_path)
    hashes = [compiled.kernel_sources_hash()]
    for name in ("a_kernels.py", "state.py", "other.py"):
        with (tmp_path / name).open("a") as file:
            file.write("# edited\n")
        hashes.append(compiled.kernel_sources_hash())
    assert hashes[0] != hashes[1] != hashes[2] == hashes[3]


def test_a_home_that_cannot_be_written_gives_a_fresh_temporary_folder(monkeypatch, tmp_path):
    no_folder = tmp_path / "file"
    no_folder.write_text("")
    use_home(monkeypatch, no_folder)
    monkeypatch.setattr(compiled.tempfile, "tempdir", str(tmp_path))
    first, second = choose_cache_folder(), choose_cache_folder()
    assert Path(first).parent.parent == tmp_path
    assert first != second
    assert Path(first).is_dir()


def test_kernels_still_compile_where_nothing_at_all_can_be_written(tmp_path):
    no_folder = tmp_path / "file"
    no_folder.write_text("")
    # A temporary folder is always found on the machine that runs this test, so it is taken away first.
    script = (
        "import tempfile\n"
        "def refuse(**options): raise FileNotFoundError('no usable temporary directory')\n"
        "tempfile.mkdtemp = refuse\n"
        "from lasermesh import compiled\n"
        "assert compiled.CACHE_FOLDER is None\n"
        "print(compiled.kernel(lambda x: x + 1)(1))\n"
    )
    environment = os.environ | {
        "NUMBA_CACHE_DIR": str(no_folder),
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, cwd=tmp_path
    )
    assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr


def test_a_temporary_cache_is_gone_when_its_process_has_ended(tmp_path):
    no_folder = tmp_path / "file"
    no_folder.write_text("")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = os.environ | {
        "NUMBA_CACHE_DIR": str(no_folder),
        "TMPDIR": str(temporary),
        "TEMP": str(temporary),
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    script = "from lasermesh import compiled; print(compiled.CACHE_FOLDER)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    assert done.stdout.startswith(str(temporary))
    assert list(temporary.iterdir()) == []


def test_numba_imported_first_still_takes_our_folder(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": "", "XDG_CACHE_HOME": str(tmp_path)}
    environment |= {"LOCALAPPDATA": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[1])}
    script = "import numba; from lasermesh import compiled; print(numba.config.CACHE_DIR)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    assert done.stdout.strip() == str(tmp_path / "lasermesh" / cache_key())


@pytest.mark.compiled_only
def test_a_kernel_compiles_once_for_one_kind_of_arguments():
    assert count_above(np.arange(5), 2) == 2
    assert count_above(np.arange(9), 2) == 6
    assert len(count_above.signatures) == 1


@pytest.mark.compiled_only
def test_hot_kernels_compile_without_reference_counting():
    assert add_up(np.arange(5)) == 10
    assert "NRT_incref" not in next(iter(add_up.inspect_llvm().values()))


@pytest.mark.compiled_only
def test_hot_kernels_cannot_allocate():
    with pytest.raises(numba.core.errors.TypingError, match="empty"):
        allocate(3)
