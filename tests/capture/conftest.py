"""What reads captures back: tshark, where it is installed."""

import shutil
import subprocess

import pytest

from tests.needs import skip_without

VALIDATE = (
    "-o",
    "ip.check_checksum:TRUE",
    "-o",
    "udp.check_checksum:TRUE",
)


def program(name):
    """Where a program of Wireshark's is; without it the test is skipped, and fails in CI, which has it."""
    found = shutil.which(name)
    if found is None:
        skip_without(f"{name} is not installed (Debian: apt-get install tshark)")
    return found


@pytest.fixture(scope="session")
def tshark():
    """Function that runs tshark on a capture and returns its lines, with checksums validated."""
    tshark = program("tshark")

    def run(path, *arguments):
        command = [tshark, "-r", str(path), *VALIDATE, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, encoding="utf-8")
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run


@pytest.fixture(scope="session")
def tshark_fields(tshark):
    """Function that returns one list of strings per packet: the values of fields, names resolved."""

    def run(path, *fields, options=()):
        chosen = [argument for field in fields for argument in ("-e", field)]
        lines = tshark(path, "-N", "n", *options, "-T", "fields", *chosen)
        return [line.split("\t") for line in lines]

    return run
