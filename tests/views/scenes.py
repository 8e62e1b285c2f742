"""A small scene with everything in it, by hand."""

import datetime

import numpy as np

from lasermesh.views.keyframes import SPHERE, key_frames
from lasermesh.views.scene import GlobeScene, SceneContacts, SceneDrops, SceneFlow, SceneLinks, SceneLoad
from tests.views.orbits_by_hand import CircularOrbits

START_S, LENGTH_S = 60.0, 1200.0
EPOCH = datetime.datetime(2026, 3, 20, 12, tzinfo=datetime.UTC)
NAMES = ("s-0", 'a "b" <c> #1.5', "s-2", "Tōkyō", "Lima")


def scene(orbits=None, by=SPHERE):
    """Three satellites, two sites; links 0-1, 1-2, 0-3 and 2-4; two bins of 600 s; two flows from 3 to 4."""
    load = SceneLoad(
        bin_s=600.0,
        last_bin_s=600.0,
        first=np.array([0, 2, 3]),
        link=np.array([0, 2, 0]),
        use=np.array([[1.0, 0.0], [0.001, 0.25], [0.5, 0.0]]),
        queue_bytes=np.array([[9000.0, 0.0], [0.0, 0.0], [1500.0, 0.0]]),
        dropped=np.array([[3.0, 0.0], [0.0, 0.0], [0.0, 0.0]]),
        bytes=np.array([[1e9, 0.0], [10.0, 2e6], [5e8, 0.0]]),
    )
    paths = [(0.0, (3, 0, 1, 2, 4)), (400.0, ()), (500.0, (3, 0, 1, 2, 4)), (900.25, (3, 0, 1, 4))]
    return GlobeScene(
        title="by hand",
        subtitle="by hand, 20 min",
        epoch=EPOCH,
        start_s=START_S,
        stop_s=START_S + LENGTH_S,
        names=NAMES,
        n_satellites=3,
        groups=[
            {"name": "s", "kind": "satellite", "first": 0, "size": 3},
            {"name": "cities", "kind": "ground", "first": 3, "size": 2},
        ],
        roles=[{"name": "compute", "rows": [1]}],
        frames=key_frames(orbits or CircularOrbits(), START_S, START_S + LENGTH_S, by=by),
        sites=np.array([[35.69, 139.69, 10.0], [-12.05, -77.04, 0.0]]),
        links=SceneLinks(
            np.array([0, 0, 1, 2]),
            np.array([1, 3, 2, 4]),
            np.array([[25e9, 25e9], [1e9, 8e9], [25e9, 0.0], [8e9, 1e9]]),
            np.array([0, 1, 0, 1], np.uint8),
        ),
        contacts=SceneContacts(
            np.array([0, 1, 2, 3, 1]),
            np.array([0.0, 0.0, 0.0, 0.0, 700.5]),
            np.array([LENGTH_S, 300.0, LENGTH_S, LENGTH_S, 1000.0]),
        ),
        contacts_left_out=0,
        load=load,
        drops=SceneDrops(0.0, 600.0, LENGTH_S, ("queue", "no_route"), np.array([[3, 0], [0, 0]])),
        flows=[
            SceneFlow("rush/Tōkyō>Lima", 3, 4, 100, 96, 1, 3, "packets", 45.5, paths),
            SceneFlow("idle", 3, 4, 0, 0, 0, 0, "bundles", None, []),
        ],
        flows_left_out=1,
        summary={"sent": 100, "delivered": 96, "in_flight": 1, "dropped": {"queue": 3}, "status": "complete"},
        notes=["Something was left out."],
    )
