"""Has the kernels of live runs compiled or loaded before a clock runs."""

import os

import numpy as np

from lasermesh.live.addresses import AddressTables
from lasermesh.live.engine import LiveEngine
from lasermesh.packets import state
from lasermesh.packets.steps import Step
from lasermesh.scenario.live import Live
from lasermesh.traffic.flows import flows_from_rows
from lasermesh.units import PS_PER_S


def warm_live():
    """Have every kernel of a live run compiled or loaded, by one turn of two hosts that send nothing."""
    flows = flows_from_rows([]).with_outside([0, 1], [1, 0], hop_limit=64)
    flows = flows.with_outside([0, 1], [0, 1], hop_limit=64, direct=1)
    keys = np.arange(2, dtype=np.int64)
    engine = LiveEngine(
        2,
        flows,
        hosts=keys,
        first_pair=0,
        first_reply=2,
        first_satellite=4,
        n_satellite_rows=0,
        addresses=AddressTables(keys, keys, keys),
        live=Live(buffer_bytes=2**20),
        end_ps=PS_PER_S,
        outside_bins=1,
    )
    engine.add_links([0], [1], 1, 1000)
    engine.install_table(np.zeros((2, 1, 1), np.int32), np.zeros((2, 1), np.int32), 0)
    link, nothing = np.zeros(1, np.int64), np.zeros(1, np.int64)
    rate = np.full(1, PS_PER_S)
    engine.begin_step(Step(0, 2, link, nothing, nothing, nothing, link, nothing + state.CHANGE_START, rate))
    ends = [os.pipe() for _ in range(2)]
    try:
        engine.open([reader for reader, _ in ends])
        engine.turn(0)
    finally:
        engine.close()
        for reader, writer in ends:
            os.close(reader)
            os.close(writer)
