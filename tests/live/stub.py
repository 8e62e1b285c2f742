"""A live mesh without a mesh: namespaces of two hosts, the socket, and a command in the first of them.

`python -m tests.live.stub COMMAND...` prints one line of JSON once the command runs: the inodes of the
hosts' network namespaces. `LIVE_STUB_TUN` names another device of TUN, `LIVE_STUB_NAME` the mesh;
with `LIVE_STUB_LINGERS` set it stays when the command has ended, until Ctrl-C.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

from lasermesh.errors import UserError
from lasermesh.live import entering, joining
from lasermesh.live.namespaces import HostNamespaces
from lasermesh.live.tun import DEVICE

NODES, HOSTS = ["Tokyo", "New York"], ["tokyo", "new-york"]


NETWORKS = ((bytes([10, 0, 0, 0]), 8), (bytes.fromhex("fd6c006d") + bytes(12), 80))
"""As `namespaces.all_nodes` has them, which would load what makes this program slow to start."""


def addresses(n):
    """IPv4 and IPv6 addresses of n hosts."""
    return range((10 << 24) + 1, (10 << 24) + 1 + n), [
        bytes.fromhex("fd6c006d0000000000000001") + row.to_bytes(4, "big") for row in range(n)
    ]


def linger(code):
    """What follows the command in a run and can be broken off with Ctrl-C; the exit code."""
    entering.regain_terminal()
    print("lingers", flush=True)
    try:
        time.sleep(20)
    except KeyboardInterrupt:
        return 130
    return code


def main(argv):
    if not entering.is_inside():
        return entering.enter([sys.executable, "-m", "tests.live.stub", *argv])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(99))
    Path("hosts").write_text("127.0.0.1 localhost\n10.0.0.1 tokyo\n10.0.0.2 new-york\n")
    Path("resolv").write_text("")
    device = os.environ.get("LIVE_STUB_TUN", DEVICE)
    with (
        HostNamespaces(HOSTS, *addresses(2), networks=NETWORKS, device=device) as hosts,
        joining.Mesh(os.environ.get("LIVE_STUB_NAME", "stub"), NODES, HOSTS, hosts.netns_fds) as mesh,
    ):
        mesh.status = {"simulated_s": 1.5}
        for warning in entering.resolve_names("hosts", "resolv"):
            print(warning, file=sys.stderr)
        process = hosts.run_in(0, argv, env={**os.environ, **mesh.environment})
        print(json.dumps([os.fstat(fd).st_ino for fd in hosts.netns_fds]), flush=True)
        try:
            code = process.wait()
        except KeyboardInterrupt:
            code = 130
        if "LIVE_STUB_LINGERS" in os.environ:
            code = linger(code)
        entering.end_others(0.2, [process])
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except UserError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)
