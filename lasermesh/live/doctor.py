"""Whether live mode will work on this machine, as whom, and what would help."""

from typing import NamedTuple

from lasermesh.live import checks
from lasermesh.live.checks import NOTE, OK, PROBLEM, Check
from lasermesh.live.tun import DEVICE

ROOT, USER, NONE = "root", "user-namespace", "none"
"""How live mode will run: with the rights this process has, in a user namespace of its own, not at all."""


class Diagnosis(NamedTuple):
    """What was found."""

    mode: str
    checks: list[Check]

    @property
    def works(self):
        return self.mode != NONE

    def to_dict(self):
        """The diagnosis, JSON-ready."""
        return {"mode": self.mode, "works": self.works, "checks": [check._asdict() for check in self.checks]}


def examine(device=DEVICE):
    """Try out on this machine all that live mode needs.

    Parameters
    ----------
    device : str
        Where the device of TUN lies.

    Returns
    -------
    diagnosis : Diagnosis
    """
    system = checks.check_system()
    if system.verdict == PROBLEM:
        return Diagnosis(NONE, [system])
    rights = checks.check_capabilities()
    as_user = rights.verdict != OK
    users = checks.check_user_namespace()
    if not as_user and users.verdict == PROBLEM:
        users = users._replace(verdict=NOTE)  # only others would need one
    needed = [
        checks.check_device(device),
        rights,
        users,
        checks.check_interface(as_user, device),
        checks.check_mounts(as_user),
        checks.check_files(),
    ]
    beside = [
        checks.check_proc(as_user),
        checks.check_tcp(),
        checks.check_processors(),
        checks.check_clock(),
        checks.check_wake_up(),
        checks.check_programs(),
    ]
    fails = any(check.verdict == PROBLEM for check in needed)
    return Diagnosis(NONE if fails else USER if as_user else ROOT, [system, *needed, *beside])
