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
| `spreads` | times as a summary tells them |
| `log` | these records, until somebody takes them |
| `computers` | jobs, queues and speeds of one `[compute]` table at one node |
| `power` | arrays, batteries, and how fast accelerators may work |
| `sensors` | when scenes are taken |
| `storages` | storage for scenes on one node |
| `items` | one scene on its way, and where its time went |
| `stages`, `choices` | transfers of scenes (in which order, to which node, and why) and computing |
| `scenes`, `scene_totals` | all scenes of a workload, stage by stage, and what came of them |
| `tokens`, `inference` | requests to models, and their answers |
| `exchanges`, `collective` | how a group sums up what its nodes have, and its steps of training |
| `transport`, `sending`, `channels`, `pacing`, `port` | how transfers are sent over the mesh |
| `parts` | what every kind of workload has to be |
| `work` | all parts of a run: what they share, begin and end, and come to |
"""
