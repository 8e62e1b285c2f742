"""Sections of a run's text about work: scenes, requests, training, computers, power, storage.

Functions that take `workloads` get the summary's entries, each with a further key `label` where it is to
stand under another name, as side by side with those of other runs.
"""

from lasermesh.results.layout import (
    SPANNED,
    columns,
    count,
    counted,
    cut,
    decimal,
    duration,
    share,
    signed,
    size,
    wrapped,
)
from lasermesh.scenario.workloads import COLLECTIVE, INFERENCE
from lasermesh.units import J_PER_KWH
from lasermesh.workloads.records import PARTS

GUESSED, CENSORED = "*", "+"
MOST_GUESSES = 12
LONGEST_LABEL = 40
QUANTILES = {"p50": 50, "p90": 90, "p99": 99, "max": 100}
"""In percent of the items."""

PARTS_OF_FIRST_TOKEN = ("network", "queue", "prefill")


def work_sections(summary):
    """Lists of lines, one for each section that the run has something for."""
    workloads = summary.get("workloads") or []
    sections = [
        *workload_sections(workloads),
        fidelity_section(workloads),
        _computers(summary.get("compute") or []),
        _power(summary.get("power") or []),
        _storage(summary.get("storage") or []),
    ]
    return [lines for lines in sections if lines]


def workload_sections(workloads):
    """The tables of all kinds of workloads and, below them, what must be known to read them."""
    scenes, requests, trainings = by_kind(workloads)
    sections = [
        _outcomes(scenes, "Scenes", "scenes", "time to insight", "insight_s"),
        _parts(scenes, "Mean time to insight, of scenes delivered", PARTS, _parts_of_insight),
        _bytes(scenes),
        _outcomes(requests, "Requests", "requests", "time to the first token", "first_token_s"),
        _parts(requests, "Mean time to the first token", PARTS_OF_FIRST_TOKEN, _parts_of_first_token),
        _answers(requests),
        _lost(scenes + requests),
        _trainings(trainings),
        _notes(workloads),
    ]
    return [lines for lines in sections if lines]


def by_kind(workloads):
    """Entries of scenes, of requests and of training."""
    return (
        [entry for entry in workloads if entry["kind"] not in (INFERENCE, COLLECTIVE)],
        [entry for entry in workloads if entry["kind"] == INFERENCE],
        [entry for entry in workloads if entry["kind"] == COLLECTIVE],
    )


def fidelity_section(workloads):
    """Whether packets or trains of them were sent."""
    if not workloads:
        return []
    trains = workloads[0]["train_packets"]
    how = "packet by packet" if trains is None else f"in trains of up to {trains} packets"
    return [f"Work was sent {how}"]


def _label(entry):
    return cut(entry.get("label", entry["name"]), LONGEST_LABEL)


def marked(entry, *others):
    """Name of a workload with the marks of what must be known of its figures, and of others beside them."""
    return with_marks(_label(entry), entry, *others)


def with_marks(text, *entries):
    """A text with the marks of what must be known of some workloads' figures."""
    marks = GUESSED if any(each["guesses"] for each in entries) else ""
    marks += CENSORED if any(map(_without_time, entries)) else ""
    return text + (f" {marks}" if marks else "")


def _noun(entry):
    return "requests" if entry["kind"] == INFERENCE else "scenes"


def _without_time(entry):
    """Scenes or requests that were lost or still on their way at the end."""
    return 0 if entry["kind"] == COLLECTIVE else entry["in_progress"] + sum(entry["lost"].values())


def time_of(entry, measure, what):
    """A quantile or the mean of a workload's times; None where it is not known.

    Those that were not delivered would have had the longest times: a quantile whose rank among all falls
    among them is not known, nor is the mean if there are any.
    """
    left = _without_time(entry)
    if left:
        rank = -(-QUANTILES.get(what, 100) * entry[_noun(entry)] // 100)
        if rank > entry["delivered"]:
            return None
    return (entry[measure] or {}).get(what)


def outcome(entry):
    """How much of a workload was done, in words."""
    if entry["kind"] == COLLECTIVE:
        return counted(entry["steps"], "step")
    return f"{count(entry['delivered'])} of {count(entry[_noun(entry)])} {_noun(entry)} delivered"


def _percent(part):
    return "-" if part is None else share(part, 1.0)


def _outcomes(workloads, title, noun, what, measure):
    """What became of the items, and how long those that were delivered took."""
    headers = [("", noun), ("", "delivered"), ("", "lost"), ("in", "progress"), *_over_quantiles(what)]
    rows = [
        [
            marked(entry),
            count(entry[noun]),
            count(entry["delivered"]),
            count(sum(entry["lost"].values())),
            count(entry["in_progress"]),
            *_quantiles(entry, measure),
        ]
        for entry in workloads
    ]
    return columns(title, headers, rows) if rows else []


def _over_quantiles(words):
    """Headers of the columns of quantiles, below one of what they are of."""
    return over(words, QUANTILES)


def over(words, names):
    """Headers of columns that have one header in common."""
    return [(SPANNED if place else words, name) for place, name in enumerate(names)]


def _quantiles(entry, measure):
    return [duration(time_of(entry, measure, quantile)) for quantile in QUANTILES]


def _parts(workloads, title, parts, means_of):
    """What the mean time is made of; workloads of which nothing was delivered are left out."""
    rows = []
    for entry in workloads:
        if (means_s := means_of(entry)) is not None:
            cells = [duration(means_s[part]) for part in parts]
            rows.append([marked(entry), *cells, duration(sum(means_s.values()))])
    headers = [("", part) for part in (*parts, "together")]
    return [title, *columns("", headers, rows)[1:]] if rows else []


def _parts_of_insight(entry):
    return entry["parts_s"]


def _parts_of_first_token(entry):
    if entry["first_token_s"] is None:
        return None
    return {part: entry[f"first_token_{part}_s"]["mean"] for part in PARTS_OF_FIRST_TOKEN}


def _bytes(scenes):
    """What was taken and what came down of it."""
    headers = [("", "captured"), ("brought", "down"), ("saved, of", "delivered"), ("sent, all", "transfers")]
    headers += [("of it", "again")]
    rows = [
        [
            marked(entry),
            size(entry["captured_bytes"]),
            size(entry["delivered_bytes"]),
            _percent(entry["saved_share"]),
            size(entry["sent_bytes"]),
            size(entry["resent_bytes"]),
        ]
        for entry in scenes
    ]
    return columns("Bytes", headers, rows) if rows else []


def _answers(requests):
    """When answers were whole, how fast they came, and how unevenly nodes were asked."""
    headers = _over_quantiles("time to the last token")
    headers += [("tokens", "arrived"), ("tokens", "lost"), ("tokens", "per s"), ("busiest", "node")]
    rows = [
        [
            marked(entry),
            *_quantiles(entry, "last_token_s"),
            count(entry["tokens"]),
            count(entry["lost_tokens"]),
            decimal(entry["tokens_per_s"], 1),
            _percent(entry["busiest_share"]),
        ]
        for entry in requests
    ]
    return columns("Answers", headers, rows) if rows else []


def _lost(workloads):
    """Why items were lost."""
    lines = []
    for entry in workloads:
        causes = [f"{cause} {count(number)}" for cause, number in entry["lost"].items() if number]
        if causes:
            lines += wrapped(f"Lost of {_label(entry)}, by cause: {', '.join(causes)}")
    return lines


def _trainings(trainings):
    """How long steps took, and how much of that was communication."""
    headers = [("", "nodes"), ("", "steps"), *over("time of a step", ("mean", "p50", "max"))]
    headers += [("exchange", "p50"), ("communi-", "cation"), ("bytes", "sent"), ("of it", "again")]
    rows = [
        [
            marked(entry),
            count(entry["nodes"]),
            count(entry["steps"]),
            *(duration((entry["step_s"] or {}).get(what)) for what in ("mean", "p50", "max")),
            duration((entry["exchange_s"] or {}).get("p50")),
            _percent(entry["communication_share"]),
            size(entry["sent_bytes"]),
            size(entry["resent_bytes"]),
        ]
        for entry in trainings
    ]
    lines = columns("Training", headers, rows) if rows else []
    for entry in trainings:
        if entry["checkpoints"] or entry["checkpoints_in_progress"]:
            text = f"Checkpoints of {_label(entry)}: {count(entry['checkpoints'])} pushed"
            if entry["checkpoint_s"] is not None:
                text += f", each in {duration(entry['checkpoint_s']['p50'])} (median)"
            lines += wrapped(text + f", {count(entry['checkpoints_in_progress'])} in progress")
    return lines


def _notes(workloads):
    """Sentences below the tables: what is not over, and what rests on guesses."""
    lines = []
    scenes, requests, _ = by_kind(workloads)
    for entry in scenes + requests:
        if left := _without_time(entry):
            noun = _noun(entry)
            text = f"{CENSORED} {_label(entry)}: {count(left)} of {count(entry[noun])} {noun} were lost or "
            text += "still on their way at the end"
            if entry["delivered"]:
                text += ": times of those delivered are biased low"
            lines += wrapped(text)
    if lines:
        lines += wrapped(
            "- where a quantile, counted over all of them, falls among those that were not delivered"
        )
    by_guess = {}
    for entry in workloads:
        for guess in entry["guesses"]:
            by_guess.setdefault(guess, []).append(_label(entry))
    for guess, labels in list(by_guess.items())[:MOST_GUESSES]:
        lines += wrapped(f"{GUESSED} {', '.join(labels)}, a guess: {guess}")
    if len(by_guess) > MOST_GUESSES:
        lines.append(f"{GUESSED} and {counted(len(by_guess) - MOST_GUESSES, 'guess more')}, see summary.json")
    return lines


def _by_table(entries):
    """Entries of nodes, put together by the name of their table."""
    tables = {}
    for entry in entries:
        tables.setdefault(entry["name"], []).append(entry)
    return tables.items()


def _mean(numbers):
    return sum(numbers) / len(numbers)


def _computers(computers):
    """How busy computers were, and what had to wait."""
    headers = [("", "nodes"), ("", "jobs"), ("", "refused"), ("busy of", "the time"), ("busiest", "node")]
    headers += [("waiting", "mean"), ("longest mean", "queue time")]
    rows = []
    for name, nodes in _by_table(computers):
        queue_s = [node["mean_queue_s"] for node in nodes if node["mean_queue_s"] is not None]
        rows.append(
            [
                name,
                count(len(nodes)),
                count(sum(node["submitted"] for node in nodes)),
                count(sum(node["refused"] for node in nodes)),
                _percent(_mean([node["busy_share"] for node in nodes])),
                _percent(max(node["busy_share"] for node in nodes)),
                decimal(_mean([node["waiting_mean_jobs"] for node in nodes]), 2),
                duration(max(queue_s, default=None)),
            ]
        )
    return columns("Computers", headers, rows) if rows else []


def _power(power):
    """The lowest charge, for how long accelerators were throttled, and what became of the energy."""
    headers = [("", "satellites"), ("lowest", "charge"), ("sunlit, of", "the time"), ("throttled", "each")]
    headers += [*over("kWh", ("generated", "used", "spilled", "unmet")), ("batteries", "by kWh")]
    rows = [
        [
            entry["name"],
            count(entry["satellites"]),
            _percent(entry["lowest_charge"]),
            _percent(entry["sunlit_share"]),
            duration(entry["throttled_s"] / entry["satellites"]),
            *(_kwh(entry[f"{what}_j"]) for what in ("generated", "used", "spilled", "unmet")),
            signed((entry["end_j"] - entry["start_j"]) / J_PER_KWH, 3),
        ]
        for entry in power
    ]
    lines = columns("Power", headers, rows) if rows else []
    for text in unmet_energy(power):
        lines += wrapped(text)
    return lines


def unmet_energy(power):
    """A sentence for each table of satellites of which some ran out of energy."""
    return [
        f"{entry['name']}: {_kwh(entry['unmet_j'])} kWh were needed that neither arrays nor batteries gave; "
        "what drew them went on as if it had them"
        for entry in power
        if entry["unmet_j"] > 0.0
    ]


def _kwh(energy_j):
    return decimal(energy_j / J_PER_KWH, 3)


def _storage(storages):
    """What sensors took and what became of the room for it."""
    headers = [("", "nodes"), ("", "captured"), ("", "lost"), ("stored at", "the end"), ("most of", "a node")]
    rows = [
        [
            name,
            count(len(nodes)),
            size(sum(node["captured_bytes"] for node in nodes)),
            size(sum(node["lost_bytes"] for node in nodes)),
            size(sum(node["stored_bytes"] for node in nodes)),
            size(max(node["most_stored_bytes"] for node in nodes)),
        ]
        for name, nodes in _by_table(storages)
    ]
    return columns("Storage of sensors", headers, rows) if rows else []
