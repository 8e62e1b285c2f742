"""lasermesh: a laser mesh network emulator with packet-level routing."""

__version__ = "0.1.0"
