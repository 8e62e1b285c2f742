"""Settings of the kernel, on files that stand for /proc/sys."""

import pytest

from lasermesh.errors import UserError
from lasermesh.live import sysctls

FILES = {
    "net/ipv4/tcp_rmem": "4096\t131072\t6291456",
    "net/ipv4/tcp_wmem": "4096\t16384\t4194304",
    "net/ipv4/tcp_congestion_control": "bbr",
    "net/ipv4/tcp_available_congestion_control": "reno bbr cubic",
    "net/ipv4/tcp_allowed_congestion_control": "reno bbr",
    "net/ipv4/ping_group_range": "1\t0",
}


@pytest.fixture
def root(tmp_path):
    for name, text in (dict.fromkeys(sysctls.QUIET | sysctls.OPEN, "7") | FILES).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def refusing(monkeypatch, error, *names):
    """Have the writing of these files fail."""
    write = sysctls._write
    monkeypatch.setattr(
        sysctls, "_write", lambda root, name, value: error if name in names else write(root, name, value)
    )


def test_buffers_keep_their_least_and_usual_size(root):
    assert sysctls.tune(sysctls.Tuning(tcp_buffer_bytes=9_000_000), root) == []
    assert (root / "net/ipv4/tcp_rmem").read_text() == "4096 131072 9000000"
    assert (root / "net/ipv4/tcp_wmem").read_text() == "4096 16384 9000000"


def test_what_is_not_asked_for_stays(root):
    sysctls.tune(sysctls.Tuning(), root)
    assert (root / "net/ipv4/tcp_rmem").read_text() == FILES["net/ipv4/tcp_rmem"]
    assert (root / "net/ipv4/tcp_congestion_control").read_text() == "bbr"


def test_what_a_run_can_do_without_is_reported(root, monkeypatch):
    name = "net/ipv4/icmp_ratelimit"
    refusing(monkeypatch, PermissionError(1, "no"), name)
    assert sysctls.tune(sysctls.Tuning(), root) == ["net.ipv4.icmp_ratelimit"]


def test_a_restricted_congestion_control_is_refused_with_the_allowed_ones_and_the_remedy(root, monkeypatch):
    refusing(monkeypatch, PermissionError(1, "Operation not permitted"), "net/ipv4/tcp_congestion_control")
    with pytest.raises(UserError) as error:
        sysctls.tune(sysctls.Tuning(congestion_control="cubic"), root)
    assert str(error.value) == (
        'this machine restricts the congestion control "cubic"; allowed are reno, bbr; '
        "`sudo sysctl net.ipv4.tcp_allowed_congestion_control='reno bbr cubic'` allows it"
    )


def test_an_unknown_congestion_control_is_refused_with_those_that_there_are(root, monkeypatch):
    refusing(monkeypatch, FileNotFoundError(2, "No such file"), "net/ipv4/tcp_congestion_control")
    with pytest.raises(UserError, match='no congestion control "vegas" loaded; there are reno, bbr, cubic'):
        sysctls.tune(sysctls.Tuning(congestion_control="vegas"), root)


def test_buffers_that_cannot_be_set_are_refused_with_the_remedy(root, monkeypatch):
    refusing(monkeypatch, OSError(30, "Read-only file system"), "net/ipv4/tcp_rmem")
    with pytest.raises(UserError, match=r"rmem: Read-only file system\); this container mounts /proc/sys"):
        sysctls.tune(sysctls.Tuning(tcp_buffer_bytes=9_000_000), root)
    tuning = sysctls.Tuning(tcp_buffer_bytes=9_000_000, must_have_buffers=False)
    assert sysctls.tune(tuning, root) == ["net.ipv4.tcp_rmem"]
