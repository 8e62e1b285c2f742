"""The Parquet tables of work: what came of scenes, requests and steps of training, and what nodes did when.

One row for each record of `lasermesh.workloads.records`, in the order in which things came to their end.
"""

from lasermesh.results.record_tables import SINCE_START, name_of, record_table, seconds
from lasermesh.results.tables import Column
from lasermesh.scenario.workloads import COLLECTIVE, INFERENCE, SCENE_KINDS
from lasermesh.workloads.records import PARTS

_MEANING_OF_PARTS = {
    "wait": "time spent waiting for a route, a contact or its turn",
    "attach": "time spent waiting for a terminal that acquired",
    "transfer": "time spent on transfers whose end is no ground site",
    "queue": "time spent in the queue of a computer",
    "compute": "time spent in a computer",
    "downlink": "time spent on transfers to a ground site",
}


def _workload(what):
    return Column("workload", "string", "", "name of the workload"), Column(
        what, "int64", "", f"number of the {what} in its workload"
    )


def _changed(table):
    return (
        Column("time_s", "float64", "s", f"when it changed, {SINCE_START}"),
        Column(table, "string", "", f"name of its table in the experiment, [{table}]"),
        Column("node", "string", "", "where it is"),
    )


_STATE = (
    Column("state", "string", "", "delivered, lost or in_progress, when the run ended"),
    Column("cause", "string", "", "why it was lost; null if it was not"),
)

SCENES = (
    *_workload("scene"),
    Column("node", "string", "", "where it was taken"),
    Column("captured_s", "float64", "s", f"when it was there whole, {SINCE_START}"),
    Column("size_bytes", "int64", "bytes", "as it was taken"),
    *_STATE,
    Column("finished_s", "float64", "s", f"when it was delivered or lost, {SINCE_START}; null in progress"),
    Column("insight_s", "float64", "s", "from its capture until its result is there; null unless delivered"),
    *(Column(f"{part}_s", "float64", "s", _MEANING_OF_PARTS[part]) for part in PARTS),
    Column("delivered_bytes", "int64", "bytes", "what came down to the ground for it"),
    Column("sent_bytes", "int64", "bytes", "what was sent for it over all transfers, again included"),
)

STAGES = (
    *_workload("scene"),
    Column("stage", "int32", "", "number of the stage in the workload's plan, from 0"),
    Column("kind", "string", "", "transfer or compute"),
    Column("from", "string", "", "node where the stage began"),
    Column("to", "string", "", "node where it was to end"),
    Column("reason", "string", "", "why that node: what was compared"),
    Column("changed_choices", "int32", "", "how often another node was chosen while it waited"),
    Column("began_s", "float64", "s", f"when it was due, {SINCE_START}"),
    Column("ended_s", "float64", "s", f"when it was done, {SINCE_START}; null if it was not"),
    Column("size_bytes", "int64", "bytes", "what was sent or worked on"),
    Column("sent_bytes", "int64", "bytes", "what was sent for it, again included"),
    Column("resent_bytes", "int64", "bytes", "of these, what was sent again, also to another node"),
)

COMPUTE = (
    *_changed("compute"),
    Column("busy", "int32", "jobs", "jobs at work after the change"),
    Column("waiting", "int32", "jobs", "jobs that wait after the change"),
    Column("refused", "int64", "jobs", "jobs that were refused so far"),
    Column("speed", "float64", "", "speed of its accelerators, 1 unless they are throttled"),
)

POWER = (
    *_changed("power"),
    Column("battery_j", "float64", "J", "what the battery holds"),
    Column("sunlit_share", "float64", "", "share of the Sun's disc that is seen"),
    Column("array_w", "float64", "W", "what the array could give from then on"),
    Column("load_w", "float64", "W", "what is needed from then on"),
    Column("speed", "float64", "", "speed of the accelerators, 1 unless they are throttled"),
)

STORAGE = (
    Column("time_s", "float64", "s", f"when it changed, {SINCE_START}"),
    Column("sensor", "string", "", "name of its table in the experiment, [sensors]"),
    Column("node", "string", "", "where it is"),
    Column("stored_bytes", "int64", "bytes", "what the storage holds after the change"),
)

REQUESTS = (
    *_workload("request"),
    Column("user", "string", "", "node that asked"),
    Column("node", "string", "", "node that was chosen to answer"),
    Column("reason", "string", "", "why that node: what was compared"),
    Column("asked_s", "float64", "s", f"when it was asked, {SINCE_START}"),
    Column("context_tokens", "int64", "tokens", "tokens of the request"),
    Column("output_tokens", "int64", "tokens", "tokens of the answer"),
    *_STATE,
    Column("first_token_s", "float64", "s", "from asking until the first token is with the user"),
    Column("last_token_s", "float64", "s", "from asking until the last token is with the user"),
    Column("network_s", "float64", "s", "of the first token: on the mesh, both ways"),
    Column("queue_s", "float64", "s", "of the first token: in the queue of the computer"),
    Column("prefill_s", "float64", "s", "of the first token: reading the request"),
    Column("lost_tokens", "int64", "tokens", "tokens whose packets were dropped"),
)

STEPS = (
    Column("workload", "string", "", "name of the workload"),
    Column("kind", "string", "", "step, exchange (a step that ends with one) or checkpoint"),
    Column("step", "int64", "", "number of the step"),
    Column("began_s", "float64", "s", f"when it began, {SINCE_START}"),
    Column("computed_s", "float64", "s", f"when the last node had computed, {SINCE_START}"),
    Column("ended_s", "float64", "s", f"when it was over, {SINCE_START}; null if it was not"),
    Column("sent_bytes", "int64", "bytes", "what was sent for it, again included"),
    Column("resent_bytes", "int64", "bytes", "of it, what was sent again"),
)


def _scene_row(scene, names):
    done = scene.finished_ps is not None and scene.cause is None
    return (
        scene.workload,
        scene.item,
        name_of(scene.node, names),
        seconds(scene.captured_ps),
        scene.size_bytes,
        scene.state,
        scene.cause,
        seconds(scene.finished_ps),
        seconds(scene.finished_ps - scene.captured_ps) if done else None,
        *(seconds(part_ps) for part_ps in scene.spent_ps),
        scene.delivered_bytes,
        scene.sent_bytes,
    )


def _stage_row(stage, names):
    return (
        stage.workload,
        stage.item,
        stage.stage,
        stage.kind,
        name_of(stage.from_node, names),
        name_of(stage.to_node, names),
        stage.reason,
        stage.changes,
        seconds(stage.began_ps),
        seconds(stage.ended_ps),
        stage.size_bytes,
        stage.sent_bytes,
        stage.resent_bytes,
    )


def _change_row(state, names):
    """A state of a computer, a power supply or a storage: time, its table, node, and figures as they are."""
    time_ps, table, node, *figures = state
    return (seconds(time_ps), table, name_of(node, names), *figures)


def _request_row(request, names):
    return (
        request.workload,
        request.item,
        name_of(request.user, names),
        name_of(request.node, names),
        request.reason,
        seconds(request.asked_ps),
        request.context_tokens,
        request.output_tokens,
        request.state,
        request.cause,
        seconds(request.first_token_ps),
        seconds(request.last_token_ps),
        seconds(request.network_ps),
        seconds(request.queue_ps),
        seconds(request.prefill_ps),
        request.lost_tokens,
    )


def _step_row(step, names):
    return (
        step.workload,
        step.kind,
        step.step,
        seconds(step.began_ps),
        seconds(step.computed_ps),
        seconds(step.ended_ps),
        step.sent_bytes,
        step.resent_bytes,
    )


WORK_TABLES = {
    name: record_table(columns, row_of)
    for name, columns, row_of in (
        ("scenes", SCENES, _scene_row),
        ("stages", STAGES, _stage_row),
        ("compute", COMPUTE, _change_row),
        ("power", POWER, _change_row),
        ("storage", STORAGE, _change_row),
        ("requests", REQUESTS, _request_row),
        ("steps", STEPS, _step_row),
    )
}
"""Tables that a run has if there is work of the kind that fills them."""


def work_tables_of(experiment):
    """Names of the tables that an experiment's work fills, in the order of WORK_TABLES."""
    kinds = {workload.kind for workload in experiment.workloads}
    has_scenes = not kinds.isdisjoint(SCENE_KINDS)
    filled = {
        "scenes": has_scenes,
        "stages": has_scenes,
        "compute": bool(kinds) and bool(experiment.compute),
        "power": bool(kinds) and bool(experiment.power),
        "storage": has_scenes,
        "requests": INFERENCE in kinds,
        "steps": COLLECTIVE in kinds,
    }
    return [name for name in WORK_TABLES if filled[name]]
