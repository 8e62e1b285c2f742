"""The package as others get it: a wheel, an editable install, a bare checkout; the README's commands."""

import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from lasermesh import __version__
from lasermesh.views.globe_page import SCRIPTS

ROOT = Path(__file__).parents[1]


def run(*arguments, cwd, **variables):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | variables
    done = subprocess.run(
        [str(argument) for argument in arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built without network by the hatchling of this environment."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (path,) = folder.glob("*.whl")
    return path


def empty_environment(folder):
    """A virtual environment that can import this one's packages, but has nothing installed itself."""
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    # A path file, so that nothing is downloaded. Path files inside the folder it names are not read, so an
    # editable install of lasermesh in this environment stays out of sight.
    site_packages = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder)
    (Path(site_packages.strip()) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


@pytest.fixture(scope="module", params=["wheel", "editable install", "checkout"])
def installation(request, tmp_path_factory):
    """How to start lasermesh: command, environment variables, and a folder that holds the package."""
    if request.param == "checkout":
        return [sys.executable, "-m", "lasermesh"], {"PYTHONPATH": str(ROOT)}, ROOT / "lasermesh"
    folder = tmp_path_factory.mktemp("environment")
    python = empty_environment(folder)
    install = [python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-build-isolation"]
    if request.param == "wheel":
        run(*install, request.getfixturevalue("wheel"), cwd=folder)
        return [python.with_name("lasermesh")], {}, folder
    run(*install, "-e", ROOT, cwd=folder)
    return [python.with_name("lasermesh")], {}, ROOT / "lasermesh"


def test_commands_find_what_is_shipped_from_any_folder(installation, tmp_path):
    command, variables, home = installation
    assert run(*command, "--version", cwd=tmp_path, **variables) == f"lasermesh {__version__}\n"
    listed = run(*command, "topologies", "--json", cwd=tmp_path, **variables)
    shipped = home if "topologies" in os.listdir(home) else home.parent
    assert "walker-144" in listed
    assert all(Path(file).is_relative_to(shipped) for file in re.findall(r'"file": "([^"]+)"', listed))
    assert "no problems" in run(*command, "check", "quick", cwd=tmp_path, **variables)
    assert run(*command, "docs", "model", cwd=tmp_path, **variables).startswith("# The packet model")
    assert list(tmp_path.iterdir()) == []


def test_the_wheel_holds_the_package_and_what_is_shipped_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"lasermesh", f"lasermesh-{__version__}.dist-info"}
    assert {"lasermesh/py.typed", "lasermesh/docs/model.md", "lasermesh/topologies/walker-144.toml"} <= set(
        names
    )
    assert {f"lasermesh/views/page/{part}" for part in (*SCRIPTS, "globe.html", "globe.css")} <= set(names)
    assert {"lasermesh/topologies/experiments/quick.toml", "lasermesh/topologies/sites/cities-30.csv"} <= set(
        names
    )


def test_requirements_have_lower_bounds_and_no_caps(wheel):
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"lasermesh-{__version__}.dist-info/METADATA").decode()
    requirements = re.findall(r"^Requires-Dist: (\S+?)(?:;.*)?$", metadata, re.MULTILINE)
    assert len(requirements) > 7
    assert all(re.fullmatch(r"[a-z0-9-]+>=[0-9.]+", requirement) for requirement in requirements)
    assert "Requires-Python: >=3.11" in metadata


def test_ci_runs_the_second_command_of_the_readme():
    commands = re.findall(
        r"^python3 -m venv .*$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(commands) == 2
    assert commands[1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
