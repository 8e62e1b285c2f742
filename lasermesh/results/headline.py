"""The figures of a run that matter first, in words, from its summary."""

from typing import NamedTuple

from lasermesh.results.alternatives import measure_of
from lasermesh.results.alternatives_text import MEASURES
from lasermesh.results.layout import count, counted, decimal, duration, share
from lasermesh.results.summary import drops_by_cause
from lasermesh.results.work_sections import outcome, time_of, with_marks

MOST_WORKLOADS = 4
BINS = "percentiles: upper edges of bins below 1 %, or the longest"


class Fact(NamedTuple):
    """A figure in words."""

    name: str
    value: str  # with its unit; "-" where there is none
    note: str  # what must be known to read it; may be ""


def headline(summary):
    """The figures of one run that matter first: list of Fact, those of work before those of packets."""
    facts = [*_of_live(summary.get("live")), *_of_work(summary), *_of_bundles(summary.get("bundles"))]
    if summary["total"]["sent"]:
        facts += _of_packets(summary)
    if routing := summary.get("routing"):
        facts += _of_outages(routing)
    return facts


def _of_live(live):
    return [Fact("fidelity of the live run", live["verdict"], "; ".join(live["reasons"]))] if live else []


def _of_work(summary):
    workloads = summary.get("workloads") or []
    facts = []
    for entry in workloads[:MOST_WORKLOADS]:
        measure = measure_of(entry["kind"])
        words, statistic = MEASURES[measure]
        name = f"{entry['name']}: {words}" if len(workloads) > 1 else words
        time = with_marks(duration(time_of(entry, measure, statistic)), entry)
        facts.append(Fact(name, time, outcome(entry)))
    return facts


def _of_bundles(bundles):
    if not bundles:
        return []
    total = bundles["total"]
    delay_s = total["delay_s"] or {}
    made = f"{count(total['delivered'])} of {counted(total['made'], 'bundle')}"
    note = "" if total["delivered"] == total["made"] else "of bundles delivered"
    return [
        Fact("bundles delivered", share(total["delivered"], total["made"]), made),
        Fact("median delay of bundles", duration(delay_s.get("p50")), note),
        Fact("90 % of bundles within", duration(delay_s.get("p90")), note),
    ]


def _of_packets(summary):
    total = summary["total"]
    latency = total["latency_ms"] or {}
    dropped = sum(total["dropped"].values())
    packets = f"{count(total['delivered'])} of {count(total['sent'])} packets"
    causes = [f"{cause} {count(number)}" for cause, number in drops_by_cause(summary) if number]
    return [
        Fact("packets delivered", share(total["delivered"], total["sent"]), packets),
        Fact("packets dropped", share(dropped, total["sent"]), ", ".join(causes)),
        Fact("goodput", f"{decimal(total['goodput_gbps'], 3)} Gbps", "of all flows together"),
        Fact("median latency", _ms(latency.get("p50")), f"mean {_ms(latency.get('mean'))}"),
        Fact(
            "99th percentile of latency",
            _ms(latency.get("p99")),
            f"longest {_ms(latency.get('max'))}; {BINS}",
        ),
    ]


def _ms(time_ms):
    return "-" if time_ms is None else f"{decimal(time_ms, 3)} ms"


def _of_outages(routing):
    found = [*routing["black_holes"].values(), routing["micro_loops"]]
    number = sum(entry["count"] for entry in found)
    if not number:
        return []
    total_s = sum(entry["total_s"] for entry in found)
    return [
        Fact("time in outages", f"{decimal(total_s, 3)} s", f"{counted(number, 'outage')}, over all flows")
    ]
