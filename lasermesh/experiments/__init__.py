"""Runs and studies: the only room that knows all others; what the commands and the Python API call.

`running` runs an experiment, or its `alternatives`. One run is `simulation`, which gets its links from
`feeding` (with `fault_overlay`), its tables from `updating`, `knowing` and `foretelling`, has work done by
`working` (with `mesh_known` and `own_contacts`), and leaves what `observing`, `outages`, `paths_taken` and
`contact_log` saw of it. Many runs are `comparing`, by way of `points` and `worker_pool`. `throughput`
offers traffic (`offering`), counts what comes (`measuring`) and bounds it (`ceiling`, `bounds`). Without
packets: `paths`, `path_changes` and `explaining` over `path_finding`, `graphs`, `contacts`, `forwarding`;
`attaching` studies guests; `conformance` tries policies out.
"""
