"""Work with known results, as a run would hand it over."""

from types import SimpleNamespace

from lasermesh.results.work import work_entries
from lasermesh.units import PS_PER_S
from lasermesh.workloads.log import Log
from lasermesh.workloads.records import (
    ComputeState,
    PowerState,
    Request,
    Scene,
    StageDone,
    StorageState,
    TrainingStep,
)

S = PS_PER_S


def times_s(first, *, p50, p90, p99, longest):
    return {"min": first, "mean": (first + longest) / 2, "p50": p50, "p90": p90, "p99": p99, "max": longest}


INSIGHT_S = times_s(1.5, p50=300.0, p90=5400.0, p99=9000.0, longest=36_000.0)
PARTS_S = {"wait": 240.0, "attach": 0.0, "transfer": 2.5, "queue": 0.25, "compute": 12.0, "downlink": 60.25}


def scene_totals(**more):
    return {
        "name": "bent",
        "kind": "bent-pipe",
        "scenes": 120,
        "delivered": 100,
        "lost": {"storage": 5, "expired": 3},
        "in_progress": 12,
        "insight_s": INSIGHT_S,
        "parts_s": PARTS_S,
        "captured_bytes": 2_400_000_000,
        "delivered_bytes": 1_500_000_000,
        "saved_share": 0.25,
        "sent_bytes": 1_600_000_000,
        "resent_bytes": 100_000_000,
    } | more


def no_scene_totals(**more):
    """Of a workload of which nothing was delivered."""
    nothing = {"delivered": 0, "lost": {}, "in_progress": 120, "insight_s": None}
    return scene_totals(parts_s=None, saved_share=None, delivered_bytes=0, **nothing, **more)


def request_totals(**more):
    return {
        "name": "chat",
        "kind": "inference",
        "requests": 40,
        "delivered": 38,
        "lost": {"refused": 2},
        "in_progress": 0,
        "changed_choices": 0,
        "first_token_s": times_s(0.1, p50=0.25, p90=0.5, p99=0.75, longest=0.9),
        "first_token_network_s": times_s(0.1, p50=0.1, p90=0.1, p99=0.1, longest=0.1),
        "first_token_queue_s": times_s(0.0, p50=0.0, p90=0.2, p99=0.2, longest=0.2),
        "first_token_prefill_s": times_s(0.2, p50=0.2, p90=0.2, p99=0.2, longest=0.2),
        "network_share": 0.25,
        "last_token_s": times_s(1.0, p50=3.0, p90=10.0, p99=14.0, longest=15.0),
        "tokens": 8000,
        "lost_tokens": 3,
        "tokens_per_s": 133.3,
        "resent_bytes": 0,
        "requests_by_node": {"gen1-00-00": 30, "gen1-00-01": 8},
        "busiest_share": 0.75,
    } | more


def training_totals(**more):
    return {
        "name": "train",
        "kind": "collective",
        "pattern": "ring",
        "nodes": 8,
        "steps": 10,
        "exchanges": 10,
        "in_progress": 1,
        "step_s": times_s(2.0, p50=2.5, p90=2.75, p99=3.0, longest=3.0),
        "exchange_s": times_s(1.0, p50=1.25, p90=1.5, p99=1.5, longest=1.5),
        "communication_share": 0.5,
        "steps_per_s": 0.4,
        "bus_rate_gbps": 24.0,
        "sent_bytes": 10**12,
        "resent_bytes": 10**6,
        "checkpoints": 2,
        "checkpoints_in_progress": 0,
        "checkpoint_s": times_s(4.0, p50=4.0, p90=5.0, p99=5.0, longest=5.0),
    } | more


def totals(*workloads):
    """What work of two computers and one sensor comes to."""
    computer = {"submitted": 60, "done": 50, "refused": 4, "withdrawn": 0, "in_progress": 6}
    computers = [
        {
            "name": "gpu",
            "node": node,
            "busy_share": busy,
            "waiting_mean_jobs": 0.5,
            "mean_queue_s": queue_s,
        }
        | computer
        for node, busy, queue_s in (("gen1-00-00", 0.25, 0.125), ("gen1-00-01", 0.75, None))
    ]
    storage = {"captured_bytes": 2_400_000_000, "made_bytes": 0, "released_bytes": 2_000_000_000}
    storage |= {"lost_bytes": 100_000_000, "stored_bytes": 300_000_000, "most_stored_bytes": 800_000_000}
    return {
        "workloads": list(workloads),
        "computers": computers,
        "storages": [{"name": "camera", "node": "gen1-00-00"} | storage],
        "power": [power_totals()],
    }


def power_totals():
    """Two satellites that are in the sun for 60 % of the time, one of them throttled for an hour."""
    joules = {"start_j": 7.2e6, "generated_j": 36e6, "used_j": 32.4e6, "spilled_j": 1.8e6, "unmet_j": 0.0}
    return (
        {"name": "bus", "satellites": 2, "end_j": 9e6, "throttled_s": 3600.0}
        | joules
        | {
            "sunlit_share": 0.6,
            "lowest_charge": 0.2,
            "lowest_charge_node": "gen1-00-00",
            "throttled_satellites": 1,
        }
    )


def entries(*workloads, guesses=(), fidelity="packet", train_packets=32):
    """The summary's entries of workloads with these totals."""
    workloads = [entry | {"guesses": list(guesses)} for entry in workloads]
    experiment = SimpleNamespace(fidelity=fidelity, train_packets=train_packets)
    return work_entries(totals(*workloads), experiment)


def log():
    """One record of each type, and a second scene that was lost."""
    made = Log()
    spent_ps = (S, 0, 2 * S, 0, 3 * S, S // 2)
    made.scenes += [
        Scene("bent", 0, 0, 1, 10**9, "delivered", None, 1 + sum(spent_ps), spent_ps, 20_000, 10**9),
        Scene("bent", 1, 0, 5 * S, 10**9, "lost", "storage", 5 * S, (0,) * 6, 0, 0),
    ]
    made.stages.append(StageDone("bent", 0, 0, "transfer", 0, 2, "Tokyo: 5 ms", 1, 1, 3 * S, 10**9, 10**9))
    made.compute.append(ComputeState(3 * S, "gpu", 1, 1, 2, 3, 0.5))
    made.power.append(PowerState(2**60 + 1, "bus", 1, 1e6, 0.5, 100.0, 80.0, 1.0))
    made.storage.append(StorageState(1, "camera", 0, 10**9))
    made.requests.append(
        Request("chat", 0, 2, 1, "least", S, 100, 10, "in_progress", None, None, None, None, None, None, 0)
    )
    made.steps.append(TrainingStep("train", "exchange", 4, S, 2 * S, None, 10**9, 10**6))
    return made
