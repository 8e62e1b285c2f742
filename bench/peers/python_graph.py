"""simpy and ns.py on a network and its traffic from a file: python_graph.py simpy|ns.py FILE SENDING_PS

The file is what bench/packets.py writes (`write_network`). Sources send for SENDING_PS; then the run drains,
so that packet-hops are the packets received times the length of their paths. What is printed is one JSON
object.
"""

import json
import sys
import time
from collections import deque
from itertools import islice
from pathlib import Path
from typing import NamedTuple


class Flow(NamedTuple):
    """One constant-rate flow; its packets go over `hops` links."""

    source: int
    destination: int
    size: int
    interval_ps: int
    phase_ps: int
    hops: int


class Network(NamedTuple):
    """What the file says."""

    n_nodes: int
    links: list  # (from, to, rate_bps, delay_ps)
    flows: list  # Flow
    next_link: dict  # (node, destination) -> link

    def path(self, flow):
        """(node, link taken there) from a flow's source on, the destination left out."""
        node = flow.source
        while node != flow.destination:
            link = self.next_link[node, flow.destination]
            yield node, link
            node = self.links[link][1]


class Model(NamedTuple):
    """A network ready to run."""

    env: object
    sending: float  # when sources stop, on the environment's clock
    sent: object  # () -> packets sent by each flow
    received: object  # () -> packets received by each flow


def read_network(path):
    """The network in a file of whole numbers."""
    numbers = map(int, Path(path).read_text().split())
    n_nodes, n_links, n_flows, n_routes = islice(numbers, 4)
    links = [tuple(islice(numbers, 4)) for _ in range(n_links)]
    flows = [Flow(*islice(numbers, 6)) for _ in range(n_flows)]
    routes = [tuple(islice(numbers, 3)) for _ in range(n_routes)]
    return Network(n_nodes, links, flows, {(node, to): link for node, to, link in routes})


# ----------------------------------------------------------------------------------------------------- simpy


class CallbackLink:
    """A drop-tail link of 50 ms in simpy, by callbacks on timeouts: no process, no event that can be spared.

    A packet that finds the link idle needs one event, its arrival; only packets that wait cause another, at
    the end of a service.
    """

    def __init__(self, env, rate_bps, delay_ps):
        self.env = env
        self.ps_per_byte = 8 * 10**12 / rate_bps
        self.delay_ps = delay_ps
        self.limit_bytes = rate_bps // 160
        self.free_ps = 0
        self.waiting = deque()
        self.waiting_bytes = 0
        self.arrive = None  # callback of the node at the far end

    def send(self, packet):
        """A packet is (row of the flow, bytes)."""
        if not self.waiting:
            if self.free_ps <= self.env.now:
                self.serve(packet)
                return
            self.env.timeout(self.free_ps - self.env.now).callbacks.append(self.serve_next)
        size = packet[1]
        if self.waiting_bytes + size <= self.limit_bytes:
            self.waiting.append(packet)
            self.waiting_bytes += size

    def serve(self, packet):
        service_ps = round(packet[1] * self.ps_per_byte)
        self.free_ps = self.env.now + service_ps
        self.env.timeout(service_ps + self.delay_ps, packet).callbacks.append(self.arrive)

    def serve_next(self, _):
        packet = self.waiting.popleft()
        self.waiting_bytes -= packet[1]
        self.serve(packet)
        if self.waiting:
            self.env.timeout(self.free_ps - self.env.now).callbacks.append(self.serve_next)


def simpy_model(network, sending_ps):
    """Callbacks only; time in whole picoseconds."""
    import simpy

    env = simpy.Environment()
    links = [CallbackLink(env, rate_bps, delay_ps) for _, _, rate_bps, delay_ps in network.links]
    sent, received = [0] * len(network.flows), [0] * len(network.flows)
    send_at = [{} for _ in range(network.n_nodes)]  # by node: flow -> `send` of the link it takes there
    for row, flow in enumerate(network.flows):
        for node, link in network.path(flow):
            send_at[node][row] = links[link].send

    def arrival_at(node):
        send_of_flow = send_at[node]

        def arrive(event):
            packet = event.value
            send = send_of_flow.get(packet[0])
            if send is None:
                received[packet[0]] += 1
            else:
                send(packet)

        return arrive

    arrivals = [arrival_at(node) for node in range(network.n_nodes)]
    for link, (_, to, _, _) in zip(links, network.links, strict=True):
        link.arrive = arrivals[to]

    def start(row, flow):
        send, packet = send_at[flow.source][row], (row, flow.size)

        def make(_):
            sent[row] += 1
            if env.now + flow.interval_ps < sending_ps:
                env.timeout(flow.interval_ps).callbacks.append(make)
            send(packet)

        env.timeout(flow.phase_ps).callbacks.append(make)

    for row, flow in enumerate(network.flows):
        start(row, flow)
    return Model(env, sending_ps, lambda: sent, lambda: received)


# ----------------------------------------------------------------------------------------------------- ns.py


def nspy_model(network, sending_ps):
    """ns.py's own elements: a port and a wire a link, a FIB a node, a generator a flow, one sink.

    Records are off. Time is in seconds, as its rates are per second.
    """
    import simpy
    from ns.demux.fib_demux import FIBDemux
    from ns.packet.dist_generator import DistPacketGenerator
    from ns.packet.sink import PacketSink
    from ns.port.port import Port
    from ns.port.wire import Wire

    env = simpy.Environment()
    sink = PacketSink(env, rec_arrivals=False, rec_waits=False)
    nodes = [FIBDemux(fib={}, outs=[]) for _ in range(network.n_nodes)]
    place = []  # of each link among those that leave its node
    for start, end, rate_bps, delay_ps in network.links:
        port = Port(env, rate_bps, qlimit=rate_bps // 160, limit_bytes=True)
        port.out = Wire(env, lambda delay_s=delay_ps / 1e12: delay_s)
        port.out.out = nodes[end]
        place.append(len(nodes[start].outs))
        nodes[start].outs.append(port)
    generators = []
    for row, flow in enumerate(network.flows):
        for node, link in network.path(flow):
            nodes[node].fib[row] = place[link]
        nodes[flow.destination].ends[row] = sink
        generator = DistPacketGenerator(
            env,
            row,
            arrival_dist=lambda gap_s=flow.interval_ps / 1e12: gap_s,
            size_dist=lambda size=flow.size: size,
            initial_delay=flow.phase_ps / 1e12,
            finish=sending_ps / 1e12,
            flow_id=row,
        )
        generator.out = nodes[flow.source]
        generators.append(generator)
    return Model(
        env,
        sending_ps / 1e12,
        lambda: [generator.packets_sent for generator in generators],
        lambda: [sink.packets_received[row] for row in range(len(generators))],
    )


# ---------------------------------------------------------------------------------------------------- to run


def memory(key):
    """Bytes as /proc has them: "VmRSS" now, "VmHWM" at its highest."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


def main():
    which, path, sending_ps = sys.argv[1:]
    network = read_network(path)
    model = {"simpy": simpy_model, "ns.py": nspy_model}[which](network, int(sending_ps))
    before = memory("VmRSS")
    began = time.perf_counter()
    model.env.run(until=model.sending)
    in_flight = sum(model.sent()) - sum(model.received())
    model.env.run()
    wall_s = time.perf_counter() - began
    sent, received = model.sent(), model.received()
    answer = {
        "sent": sum(sent),
        "received": sum(received),
        "packet_hops": sum(n * flow.hops for n, flow in zip(received, network.flows, strict=True)),
        "in_flight": in_flight,
        "wall_s": wall_s,
        "packet_bytes": memory("VmHWM") - before,
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
