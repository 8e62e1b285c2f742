"""What `import lasermesh` hands out, and that it costs nothing before it is used."""

import subprocess
import sys

import pytest

import lasermesh


@pytest.mark.parametrize("name", [name for name in lasermesh.__all__ if name != "__version__"])
def test_every_name_of_the_api_is_a_function(name):
    assert callable(getattr(lasermesh, name))
    assert name in dir(lasermesh)


def test_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="no attribute 'rnu'"):
        _ = lasermesh.rnu


def test_import_alone_loads_nothing_heavy():
    code = "import lasermesh, sys; print([m for m in ('numpy', 'numba', 'pyarrow') if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
