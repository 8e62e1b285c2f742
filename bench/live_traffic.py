"""What bench/live.py runs on hosts.

python live_traffic.py send-udp|send-tcp BYTES ADDRESS      as fast as it can, until it is killed
python live_traffic.py sink-udp|sink-tcp BYTES
"""

import contextlib
import socket
import sys
import time

PORT = 5201


def send(kind, size_bytes, address):
    """Send without an end."""
    data = bytes(size_bytes)
    with _socket(kind) as out:
        _connect(out, address)
        while True:
            with contextlib.suppress(ConnectionRefusedError):  # the sink is not there yet
                out.send(data)


def sink(kind, size_bytes):
    """Take what comes."""
    buffer = bytearray(max(size_bytes, 1 << 16))
    with _socket(kind) as into:
        into.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        into.bind(("", PORT))
        if kind == "tcp":
            into.listen()
            into = into.accept()[0]
        while into.recv_into(buffer) or kind == "udp":
            pass


def _socket(kind):
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)


def _connect(out, address):
    while True:
        try:
            return out.connect((address, PORT))
        except ConnectionRefusedError:
            time.sleep(0.05)


if __name__ == "__main__":
    role, _, kind = sys.argv[1].partition("-")
    (send if role == "send" else sink)(kind, int(sys.argv[2]), *sys.argv[3:])
