"""Runs and studies: the only room that knows all others; what the commands and the Python API call.

One run is `running`, which gets its links from `feeding` (with `fault_overlay`), its tables from
`updating`, `knowing` and `foretelling`, and leaves what `observing`, `outages`, `paths_taken` and
`contact_log` saw of it. Many runs are `comparing`, by way of `points` and `worker_pool`. `throughput`
offers traffic (`offering`), counts what comes (`measuring`) and bounds it (`ceiling`, `bounds`). Without
packets: `paths`, `path_changes` and `explaining` over `path_finding`, `graphs`, `contacts`, `forwarding`;
`conformance` tries policies out.
"""
