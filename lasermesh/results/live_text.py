"""How true a live run was to its model, as text: the verdict first, then what it rests on."""

import shlex

from lasermesh.results.layout import INDENT, columns, count, counted, decimal, share, size, wrapped

HOSTS_SHOWN = 12
_QUANTILES = ("p50", "p90", "p99", "max")
_TIMES = (
    ("packets waited to go in, at most", "entry_lateness_ms"),
    ("packets came out late by", "lateness_ms"),
    ("answers of nodes went in late by", "answer_lateness_ms"),
    ("gaps of the machine", "hiccups_ms"),
)
_REFUSED = {
    "unknown": "to nobody's address",
    "spoofed": "from an address of another",
    "malformed": "damaged or no IP",
    "unreached_satellites": "to satellites without routes yet",
}
_ANSWERS = {
    "time_exceeded": "time exceeded",
    "echo_replies": "echo replies",
    "unreachable": "unreachable",
    "suppressed": "held back",
}


def live_section(summary):
    """Verdict and reasons, how late packets came out, what went in and out; nothing of simulated runs."""
    live = summary.get("live")
    if not live:
        return []
    lines = wrapped(f"Live: {live['verdict']}")
    for reason in live.get("reasons") or []:
        lines += wrapped(reason, INDENT)
    lines += _times(live)
    for told in (_hosts, _packets, _losses, _refused, _answers, _work, _calibration, _command):
        lines += wrapped(told(live), INDENT)
    return lines


def _times(live):
    """Lateness of what went in and came out, and for how long the machine did something else."""
    rows = [
        [name, *(decimal((live.get(key) or {}).get(quantile), 3) for quantile in _QUANTILES)]
        for name, key in _TIMES
        if key != "answer_lateness_ms" or (live.get(key) or {}).get("max") is not None
    ]
    note = f"{INDENT}lower edges of bins at most 6.3 % wide, max too"
    return [*columns("", [(quantile, "ms") for quantile in _QUANTILES], rows), note]


def _hosts(live):
    names = live.get("hosts") or []
    more = f" and {count(len(names) - HOSTS_SHOWN)} more" if len(names) > HOSTS_SHOWN else ""
    text = f"{counted(len(names), 'host')}: {', '.join(names[:HOSTS_SHOWN])}{more}"
    if live.get("mtu_bytes") is not None:
        text += f"; packets of {count(live['mtu_bytes'])} bytes at most"
    if live.get("gso") is not None:
        text += ", TCP in trains (GSO)" if live["gso"] else ", one by one (without GSO)"
    return text


def _packets(live):
    return (
        f"from hosts {count(live.get('packets_in'))} packets, {size(live.get('bytes_in'))}; "
        f"to hosts {count(live.get('packets_out'))}, {size(live.get('bytes_out'))}"
    )


def _losses(live):
    """What the machine lost, which the model knows nothing of."""
    lost = [
        f"{count(live.get('tun_drops'))} packets at full interfaces",
        f"{count(live.get('buffer_drops'))} for want of buffers",
    ]
    return f"lost by this machine, not by the mesh: {', '.join(lost)}"


def _refused(live):
    """What hosts sent that never entered the mesh, which no flow counts."""
    refused = live.get("refused") or {}
    told = [f"{count(refused[key])} {words}" for key, words in _REFUSED.items() if refused.get(key)]
    return f"packets that were not let in: {', '.join(told)}" if told else ""


def _answers(live):
    given = live.get("answers") or {}
    told = [f"{count(given[key])} {words}" for key, words in _ANSWERS.items() if given.get(key)]
    return f"answers of nodes: {', '.join(told)}" if told else ""


def _work(live):
    """What it took, and how long the machine was elsewhere."""
    cpu, lost = live.get("cpu_share") or {}, (live.get("hiccups_ms") or {}).get("lost_share")
    shares = [
        f"{name} {share(cpu[name], 1)}" for name in ("datapath", "control") if cpu.get(name) is not None
    ]
    told = [f"processor: {', '.join(shares)}"] if shares else []
    if lost is not None:
        told.append(f"gaps: {share(lost, 1)} of the time")
    steps = live.get("steps") or {}
    if steps.get("standstill_s"):
        told.append(_standstill(steps))
    return "; ".join(told)


def _standstill(steps):
    """For how long no packet was moved."""
    text = f"the mesh stood still for {decimal(steps['standstill_s'], 3)} s in all"
    longest_ms = steps.get("longest_standstill_ms")
    return text if longest_ms is None else f"{text}, {decimal(longest_ms, 3)} ms at once at most"


def _calibration(live):
    if live.get("overhead_ms") is None:
        return ""
    return f"calibration: {decimal(live['overhead_ms'], 3)} ms of this machine's own taken off each way"


def _command(live):
    command = live.get("command")
    if not command:
        return ""
    code = command["exit_code"]
    ended = "ended with the run" if code is None else f"exit code {code}"
    return f"command: {shlex.join(command['argv'])}; {ended}"
