"""What the tests run on hosts: numbered UDP packets, and who notes which of them came.

python udp_probe.py send N EVERY_S HOST:PORT...    prints when each number was sent, in s
python udp_probe.py receive PORT QUIET_S           prints "ready", then numbers in the order of their arrival
"""

import json
import socket
import sys
import time

FIRST_WITHIN_S = 20.0
BYTES = 100


def send(n, every_s, targets):
    """Send every number to all targets; whoever is late catches up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        addresses = [(socket.gethostbyname(host), int(port)) for host, port in targets]
        start_s = time.monotonic()
        sent_s = []
        for number in range(n):
            rest_s = start_s + number * every_s - time.monotonic()
            if rest_s > 0:
                time.sleep(rest_s)
            sent_s.append(time.monotonic())
            for address in addresses:
                out.sendto(number.to_bytes(4, "big").ljust(BYTES, b"."), address)
    print(json.dumps(sent_s))


def receive(port, quiet_s):
    """Note what comes until nothing has come for a while."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as into:
        into.bind(("", port))
        print("ready", flush=True)
        into.settimeout(FIRST_WITHIN_S)
        numbers = []
        try:
            while True:
                numbers.append(int.from_bytes(into.recv(2048)[:4], "big"))
                into.settimeout(quiet_s)
        except TimeoutError:
            pass
    print(json.dumps(numbers))


if __name__ == "__main__":
    if sys.argv[1] == "send":
        send(int(sys.argv[2]), float(sys.argv[3]), [target.split(":") for target in sys.argv[4:]])
    else:
        receive(int(sys.argv[2]), float(sys.argv[3]))
