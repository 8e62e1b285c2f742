"""The mesh of the tests on namespaces: delays, rates and instants of hand-overs that a pencil can follow.

here - c01 - c02 - ... - c19     1 ms and 10 Gbit/s each, and so to the hosts h01, h02, h05, h10 and h20,
                                 which hang on here, c01, c04, c09 and c19: so many hops from here
       c02 - slow                8 ms, 100 Mbit/s
here - flap                      its light time goes to and fro between 20 and 150 ms every 0.1 s
here - even - far                20 ms and 5 ms, from k - 0.5 s to k + 0.5 s of even k
here - odd - far                 the same of odd k: a hand-over every second
here - frail                     5 ms; fails at k + 0.03 s and is back at k + 0.53 s
"""

import json

START_UNIX_S = 1767225600
"""2026-01-01, the epoch of a topology that has none of its own."""
STEP_S = 0.1
LASTS_S = 90.0
"""Twice what the tests take if all of them need every attempt."""
LIGHT_MS = 1.0
HOPS = {f"h{hops:02}": hops for hops in (1, 2, 5, 10, 20)}
SATELLITES = 19
SLOW_BPS = 100_000_000
SLOW_MS = 8.0
SLOW_ROUND_TRIP_S = 2 * (2 * LIGHT_MS + SLOW_MS) / 1000
NEAR_MS, FAR_MS = 20.0, 150.0
FIRST_WAY_MS, SECOND_WAY_MS = 20.0, 5.0
FAILS_S, BACK_S = 0.03, 0.53
UNSEEN_S, AVOIDED_UNTIL_S = 0.1, 0.6
"""Nodes have the tables of each step's start: until then they use what has failed, or not what is back."""
HOSTS = ["here", *HOPS, "slow", "flap", "far", "frail"]


def path_to(name):
    """Names of the nodes on the way to one of the hosts at the chain."""
    return [*(_satellite(k) for k in range(1, HOPS[name])), name]


def round_trip_ms(name):
    """Of a small packet to a host at the chain; serialization is some 0.1 us a hop."""
    return 2 * HOPS[name] * LIGHT_MS


def lost_at_a_hand_over(sent_s, first_way_s):
    """Whether a packet to `far` comes to the satellite when the way on from there has gone."""
    return int(sent_s + 0.5) < int(sent_s + first_way_s + 0.5)


def lost_to_the_failure(sent_s):
    """Why a packet to `frail` is lost, None if it is not; one that has left already is not lost."""
    since_s = sent_s % 1.0
    if not FAILS_S <= since_s < AVOIDED_UNTIL_S:
        return None
    return "link_down" if since_s < UNSEEN_S else "no_route"


def write_experiment(folder):
    """Write the experiment into a folder: its path."""
    satellites = [*(_satellite(k) for k in range(1, SATELLITES + 1)), "even", "odd"]
    lines = ["from,to,start_s,stop_s,rate_bps,owlt_s"]
    for contact in _contacts():
        lines += [",".join(map(str, ends + contact[2:])) for ends in (contact[:2], contact[1::-1])]
    (folder / "chain.csv").write_text("\n".join(lines) + "\n")
    faults = "".join(
        f'[[faults]]\nlink = ["here", "frail"]\nat_s = {k + FAILS_S}\nrepair_s = {k + BACK_S}\n'
        for k in range(int(LASTS_S))
    )
    path = folder / "chain.toml"
    path.write_text(
        f"""\
duration_s = {LASTS_S}

[topology]
name = "chain"
step_s = {STEP_S}

[[topology.satellites]]
name = "satellites"
fixed = {json.dumps(satellites)}

[[topology.satellites]]
name = "hosts"
fixed = {json.dumps(HOSTS)}
transit = false

[[topology.links]]
rule = "plan"
plan = "chain.csv"

[packets]
queue_bytes = 1_000_000                 # more than a slow start fills

[live]
hosts = ["hosts"]
congestion_control = "reno"

{faults}"""
    )
    return path


def _satellite(k):
    return f"c{k:02}" if k else "here"


def _contacts():
    """From, to, start, stop, rate and light time of every link, one way."""
    end_s = LASTS_S + 1.0
    chain = [(_satellite(k), _satellite(k + 1)) for k in range(SATELLITES)]
    chain += [(_satellite(hops - 1), name) for name, hops in HOPS.items()]
    for ends in chain:
        yield *ends, 0.0, end_s, 10**10, LIGHT_MS / 1000
    yield "c02", "slow", 0.0, end_s, SLOW_BPS, SLOW_MS / 1000
    yield "here", "frail", 0.0, end_s, 10**9, 0.005
    for k in range(round(end_s / STEP_S)):
        light_s = (NEAR_MS, FAR_MS)[k % 2] / 1000
        yield "here", "flap", round(k * STEP_S, 1), round((k + 1) * STEP_S, 1), 10**9, light_s
    for k in range(int(end_s)):
        way = ("even", "odd")[k % 2]
        for ends, light_ms in ((("here", way), FIRST_WAY_MS), ((way, "far"), SECOND_WAY_MS)):
            yield *ends, max(0.0, k - 0.5), k + 0.5, 10**9, light_ms / 1000
