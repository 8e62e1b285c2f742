"""Packets: the engine that moves them, link by link, exactly as the packet model says."""

from lasermesh.packets.causes import CAUSES
from lasermesh.packets.counters import FlowCounters, LinkCounters
from lasermesh.packets.engine import PacketEngine
from lasermesh.packets.steps import Step
from lasermesh.packets.warming import warm_up

__all__ = ["CAUSES", "FlowCounters", "LinkCounters", "PacketEngine", "Step", "warm_up"]
