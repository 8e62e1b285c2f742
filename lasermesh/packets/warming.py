"""Has the engine's kernels compiled or loaded before a clock runs."""

import numpy as np

from lasermesh.packets import state
from lasermesh.packets.engine import PacketEngine
from lasermesh.packets.state import NEVER
from lasermesh.packets.steps import Step
from lasermesh.traffic.flows import flows_from_rows
from lasermesh.units import PS_PER_S


def warm_up():
    """Have every kernel of the engine compiled or loaded, by sending packets over one link."""
    flow = {
        "source": 0,
        "destination": 1,
        "kind": "poisson",
        "rate_bps": PS_PER_S,
        "sizes": ((1000, 1),),
        "start_ps": 0,
        "stop_ps": NEVER,
        "phase_ps": 0,
        "hop_limit": 1,
        "traffic_class": 0,
    }
    script = flow | {"kind": "script", "script": (), "rate_bps": 0, "watched": 1}
    engine = PacketEngine(2, flows_from_rows([flow, script]), end_ps=PS_PER_S // 1000)
    engine.add_links([0], [1], 1, 1000)
    engine.install_table(np.zeros((2, 1, 1), np.int32), np.zeros((2, 1), np.int32), 0)
    up, nothing = np.zeros(1, np.int64), np.zeros(1, np.int64)
    rate = np.full(1, PS_PER_S)
    engine.begin_step(Step(0, 2, up, nothing, nothing, nothing, up, nothing + state.CHANGE_START, rate))
    engine.set_script(1, np.zeros(1, np.int64), 1000)
    engine.forwarding()
    engine.advance(2)
    engine.drain_ends()
    engine.drain_links()
    engine.drain_flows()
