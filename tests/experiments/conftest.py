"""What the tests of runs share."""

import pytest

from tests.capture.conftest import tshark, tshark_fields  # noqa: F401  # fixtures
from tests.experiments.worlds import go, write_world


@pytest.fixture
def world(tmp_path):
    """`world(kind="poisson", sets=(...,))`: an experiment between two sites, run in a folder of its own."""
    runs = iter(range(1000))

    def run_it(sets=(), output=None, **of_world):
        options = {
            key: of_world.pop(key) for key in ("seed", "threads", "force", "capture") if key in of_world
        }
        file = write_world(tmp_path, **of_world)
        return go(file, output or tmp_path / f"run-{next(runs)}", sets=sets, **options)

    return run_it
