"""Runs an experiment live: hosts, a command on one of them, the clock, and the folder that is left."""

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lasermesh.capture.addresses import ipv4_addresses, ipv6_addresses
from lasermesh.capture.options import options_of
from lasermesh.errors import UserError
from lasermesh.experiments.alternatives import asked_for
from lasermesh.experiments.compiling import is_kept
from lasermesh.experiments.policy_of import load_with_policy
from lasermesh.live import entering
from lasermesh.live.calibration import measure_overhead
from lasermesh.live.commands import command_trouble
from lasermesh.live.datapath_kernels import run as datapath
from lasermesh.live.joining import Mesh, refuse_name
from lasermesh.live.names import find_host, host_names, hosts_text
from lasermesh.live.namespaces import HostNamespaces
from lasermesh.live.outside import Outside
from lasermesh.live.simulation import LONGEST_S, LiveSimulation
from lasermesh.live.sockets import mesh_name
from lasermesh.machine import processors
from lasermesh.packets.window_kernels import advance
from lasermesh.results import Run, RunFolder
from lasermesh.scenario import refuse_what_live_cannot
from lasermesh.scenario.live import MOST_TCP_BYTES

LEAST_TCP_BYTES = 4 * 2**20
"""As Linux has it for receiving; no path makes buffers smaller."""

MANY_NODES, MANY_HOSTS = 2000, 50
"""With more a mesh takes more than some two seconds until it is ready."""

GRACE_S = 1.0
"""Programs of hosts that still run at the end have so long to end by themselves."""


class LiveOutcome(NamedTuple):
    """What came of a live run."""

    run: Run
    verdict: str  # fidelity.OK, DEGRADED or INVALID
    command_exit: int | None  # None: there was no command, or it was ended with the run


class Ready(NamedTuple):
    """A mesh that carries packets."""

    name: str  # by which `lasermesh exec --mesh` finds it
    host_names: list  # of str, the one first that commands run on
    overhead_ps: int  # that calibration takes off each way


def run_live(
    name,
    sets=(),
    output=None,
    seed=None,
    threads=None,
    force=False,
    capture=None,
    on_status=None,
    on_ready=None,
    on_wait=lambda message: None,
    warn=lambda message: None,
    on_host=None,
    command=None,
    duration_s=None,
    gso=None,
    spin_us=None,
) -> LiveOutcome:
    """Run an experiment live and leave its folder; in namespaces of one's own (`entering.enter`).

    Parameters
    ----------
    name, sets, output, seed, threads, force, capture
        As for `experiments.running.run`.
    on_status : function of statuses.LiveStatus, optional
        Called twice a second.
    on_ready : function of Ready, optional
    on_wait : function of str
        Told why it will take a while until the mesh is ready, if it will.
    warn : function of str
    on_host : str, optional
        Node or host name of the host on which the command runs; absent: the first.
    command : sequence of str, optional
        A program and its arguments; the run ends when it ends. Without one it ends after `duration_s`.
    duration_s : float, optional
        The run ends then at the latest. Absent: with a command a day, without the experiment's.
    gso : bool, optional
    spin_us : float, optional
        Instead of the experiment's `[live]`.

    Raises
    ------
    UserError
        If the experiment, an option, the command or the machine cannot do; nothing is left.
    RunFailed
        If the run could not be finished; what came of it so far is kept with status `failed`.
    """
    RunFolder.check(output, force)
    experiment, policy = load_with_policy(name, sets)
    given = {key: value for key, value in (("gso", gso), ("spin_us", spin_us)) if value is not None}
    experiment = replace(experiment, live=replace(experiment.live, **given))
    if seed is not None:
        experiment = replace(experiment, seed=seed)
    refuse_what_live_cannot(experiment)
    outside = Hosts(experiment, on_host, command)  # what is wrong with these is said before anything is made
    asked = {
        "command": None if command is None else list(command),
        "on": on_host,
        "duration_s": duration_s,
        "gso": gso,
        "spin_us": spin_us,
        "capture": None if capture is None else options_of(capture).spec,
    }
    if duration_s is None:
        duration_s = experiment.duration_s if command is None else LONGEST_S
    warnings = []

    def warn_and_keep(message):
        warnings.append(message)
        warn(message)

    for warning in experiment.warnings:
        warn_and_keep(warning)
    if why := _reason_to_wait(experiment):
        on_wait(why)
    overhead = measure_overhead(experiment.live)
    if overhead.problem is not None:
        warn_and_keep(f"no calibration: {overhead.problem}")
    simulation = LiveSimulation(
        experiment,
        outside,
        threads or max(1, processors() - 1),
        overhead_ps=overhead.overhead_ps,
        longest_s=min(duration_s, LONGEST_S),
        capture=options_of(capture),
        on_status=on_status,
        warn=warn_and_keep,
        policy=policy,
        manifest={
            "asked": asked_for(name, sets, seed, None, []) | {"live": asked},
            "warnings": warnings,
        },
    )
    simulation.get_ready()
    with outside.opened(_tcp_buffer_bytes(simulation), warn_and_keep):
        if on_ready is not None:
            outside.on_begin = lambda: on_ready(
                Ready(outside.mesh_name, outside.host_names, overhead.overhead_ps)
            )
        run = simulation.run(output, force)
    return LiveOutcome(run, run.summary["live"]["verdict"], outside.exit_code)


def _reason_to_wait(experiment):
    """What takes more than a moment before the mesh is ready; None if nothing does."""
    if not (is_kept(advance) and is_kept(datapath)):
        return "compiling, once after an installation: a minute or two"
    n_nodes, n_hosts = len(experiment.topology.node_names), len(experiment.live_rows)
    if n_nodes > MANY_NODES or n_hosts > MANY_HOSTS:
        return f"preparing {n_nodes:,} nodes and {n_hosts:,} hosts"
    return None


def _tcp_buffer_bytes(simulation):
    """How large buffers of TCP may get: for the largest product of rate and round trip, if it is not said."""
    buffer_bytes = simulation.experiment.live.tcp_buffer_bytes
    if buffer_bytes is None:
        buffer_bytes = max(LEAST_TCP_BYTES, 2 * simulation.largest_product_bytes())
    return min(buffer_bytes, MOST_TCP_BYTES)


class Hosts(Outside):
    """The hosts of a run: their namespaces, who joins them, and the command on one of them.

    Parameters
    ----------
    experiment : Experiment
    on_host : str or None
    command : list of str or None

    Raises
    ------
    UserError
        If there is no such host or command, or a mesh of that name is running.

    Attributes
    ----------
    host_names : list of str
    mesh_name : str
    exit_code : int or None
        Of the command, if it has ended by itself: 128 and the signal's number where a signal ended it.
    on_begin : function without arguments
        Called when the mesh carries packets, before the command starts.
    """

    def __init__(self, experiment, on_host, command):
        topology, rows = experiment.topology, experiment.live_rows
        self.command = None if command is None else list(command)
        names = host_names(topology)
        self.host_names = [names[row] for row in rows]
        self.exit_code = self.mesh_name = None
        self.on_begin = lambda: None
        self._node_names = [topology.node_names[row] for row in rows]
        self._on = 0 if on_host is None else find_host(on_host, self._node_names, self.host_names)
        if command is not None and shutil.which(command[0]) is None:
            raise UserError(command_trouble(command, errno.ENOENT))
        refuse_name(mesh_name(experiment.name))
        self._experiment = experiment
        self._spaces = self._mesh = self._process = None

    @contextlib.contextmanager
    def opened(self, tcp_buffer_bytes, warn):
        """Namespaces, names and the socket of the mesh, as long as the context lasts."""
        topology, live = self._experiment.topology, self._experiment.live
        rows = np.array(self._experiment.live_rows)
        with (
            HostNamespaces(
                self.host_names,
                ipv4_addresses(rows).tolist(),
                [address.tobytes() for address in ipv6_addresses(topology)[rows]],
                vnet_header=live.gso,
                mtu_bytes=live.mtu_bytes,
                tcp_buffer_bytes=tcp_buffer_bytes,
                congestion_control=live.congestion_control,
                must_have_buffers=live.tcp_buffer_bytes is not None,
            ) as self._spaces,
            Mesh(
                self._experiment.name, self._node_names, self.host_names, self._spaces.netns_fds
            ) as self._mesh,
        ):
            self.mesh_name = self._mesh.name
            self._warn = warn
            if self._spaces.refused:
                warn(
                    "this machine does not let hosts have settings of their own, so that packets which no "
                    "program sent may cross the mesh, and TCP's buffers may be small: "
                    f"{', '.join(self._spaces.refused)}"
                )
            if entering.is_inside():
                for warning in _lay_names(topology):
                    warn(warning)
            try:
                yield
            finally:
                self.end()

    @property
    def tun_fds(self):
        """See `Outside`."""
        return self._spaces.tun_fds

    def begin(self):
        """See `Outside`."""
        self.on_begin()
        if self.command is not None:
            environment = {**os.environ, **self._mesh.environment}
            self._process = self._spaces.run_in(self._on, self.command, env=environment)

    def has_ended(self):
        """See `Outside`."""
        return self._process is not None and self._process.poll() is not None

    @property
    def was_interrupted(self):
        """See `Outside`."""
        return self.exit_code == 128 + signal.SIGINT

    def end(self):
        """See `Outside`."""
        process = self._process
        if self.has_ended():
            code = process.returncode
            self.exit_code = code if code >= 0 else 128 - code
        if entering.is_inside():
            entering.end_others(GRACE_S, () if process is None else (process,))
            if process is not None:
                entering.regain_terminal()
        elif process is not None:
            _end(process)
        self._process = None

    def tun_drops(self):
        """See `Outside`."""
        known = set(self._spaces.without_interface)
        drops = sum(self._spaces.drops())
        for name in sorted(self._spaces.without_interface - known):
            self._warn(f'host "{name}" has removed its interface, and takes part no more')
        return drops

    def show(self, status):
        """See `Outside`."""
        self._mesh.status = status

    def entries(self):
        """See `Outside`."""
        command = None
        if self.command is not None:
            on = self.host_names[self._on]
            command = {"argv": self.command, "host": on, "exit_code": self.exit_code}
        settings = self._spaces.settings() | {"refused": self._spaces.refused}
        return {"command": command, "settings": settings}


def _lay_names(topology):
    """Have names of nodes, and no others, resolve in all that runs here: warnings (list of str)."""
    with tempfile.TemporaryDirectory(prefix="lasermesh-") as folder:  # a file that is mounted needs no name
        hosts, resolv = Path(folder, "hosts"), Path(folder, "resolv.conf")
        hosts.write_text(hosts_text(topology), encoding="utf-8")
        resolv.touch()
        return entering.resolve_names(os.fspath(hosts), os.fspath(resolv))


def _end(process):
    """End one program."""
    process.terminate()
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
