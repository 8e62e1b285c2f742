"""Work at the nodes: sensors, computers, power, and what is sent between them from end to end.

Everything here happens at instants that an `Agenda` keeps, in whole picoseconds since the run's start. What
goes over the mesh is handed to a `Network` and comes back by a call at the instant at which the other end
acts on it. Nothing here knows the packet engine: the network of a run is made by those who run it, and
tests put one of fixed delays in its place.

| module | holds |
|---|---|
| `agenda` | what happens when, in one stated order |
| `network` | what work may ask of the mesh |
| `records` | what is written down of scenes, stages, computers, power, requests and steps |
"""
