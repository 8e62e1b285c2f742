"""The process that runs rows of a study of guests, one seed at a time, as `worker_pool` tells it to."""

import functools

from lasermesh.experiments.attached import Variation, measure, varied
from lasermesh.experiments.worker import Teller, answering, serve
from lasermesh.results.statuses import COMPLETE
from lasermesh.scenario import load_topology

_load = functools.lru_cache(maxsize=1)(load_topology)


def main():
    """Run orders until there are no more."""
    serve(run_order)


@answering
def run_order(order, tell):
    """Run one row with one seed; its last message has the `Record` as `record`."""
    variation = Variation(*order["variation"])
    topology = varied(_load(order["topology"], tuple(order["sets"])), variation, order["seed"])
    record = measure(
        topology,
        variation.clients,
        order["start_s"],
        order["duration_s"],
        order["warm_up_s"],
        on_progress=Teller(tell).share,
    )
    return {"status": COMPLETE, "message": None, "record": record._asdict()}
