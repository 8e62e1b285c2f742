"""What readers rely on in a manifest: keys, and the types of what they hold."""

from lasermesh.results.statuses import ENDED

NUMBER = (int, float)
ANY = object

# A table is a dict of its keys ("*": each of any names), a list [what each of it is]. A key with "?" may be
# missing or null, as in older runs: readers ask for it by `get`.
_KEPT = {
    "status": str,
    "experiment": str,
    "seed": int,
    "finished_utc": str,
    "versions": {"lasermesh": str},
    "machine?": dict,
    "hashes": {"scenario": str},
    "files": {"*": {"bytes": int, "sha256": str}},
    "captures?": [str],
    "asked?": {"experiment": str, "sets": [str], "alternatives": [str], "warm_up_s?": NUMBER},
    "warnings?": [str],
    "failure?": str,
    "alternatives?": [{"name": str, "folder": str}],
    "scenario": {
        "name": str,
        "duration_s": NUMBER,
        "files?": dict,
        "topology": {"terminals?": [{"name": str}]},
    },
}
_OF_ONE_RUN = {
    "scenario": {
        "start_s": NUMBER,
        "topology": {
            "step_s": NUMBER,
            "satellites": [{"fixed": ANY}],
            "ground": [{"sites": [{"name": str}]}],
        },
        "packets": {
            "framing_bytes": int,
            "hop_limit": int,
            "scale": NUMBER,
            "satellite_processing_s?": NUMBER,
            "ground_processing_s?": NUMBER,
        },
        "observe?": {"links_every_s?": NUMBER},
        "sensors?": [{"on": [str]}],
        "compute?": [{"on": [str]}],
    }
}


def what_is_wrong(manifest):
    """The first thing that is not as readers need it, in words; None of a manifest that is whole.

    Parameters
    ----------
    manifest : dict
    """
    wrong = _first_wrong(manifest, _KEPT)
    if wrong is None and manifest["status"] not in ENDED:
        wrong = f'its status is "{manifest["status"]}"'
    if wrong is None and "alternatives" not in manifest:
        wrong = _first_wrong(manifest, _OF_ONE_RUN)
    return wrong


def _first_wrong(value, kind, path=""):
    """The first thing in a value that is missing or not of its kind, in words."""
    is_container = isinstance(kind, (dict, list))
    if not isinstance(value, type(kind) if is_container else kind):
        return f'"{path}" is not what it should be'
    if not is_container:
        return None
    inside = _of_table(value, kind, path) if isinstance(kind, dict) else _of_list(value, kind, path)
    return next((wrong for wrong in inside if wrong), None)


def _of_table(value, kind, path):
    for key, of_it in kind.items():
        name = key.removesuffix("?")
        if key == "*":
            yield from (_first_wrong(each, of_it, _joined(path, every)) for every, each in value.items())
        elif name in value and (name == key or value[name] is not None):
            yield _first_wrong(value[name], of_it, _joined(path, name))
        elif name == key:
            yield f'"{_joined(path, name)}" is missing'


def _of_list(value, kind, path):
    return (_first_wrong(each, kind[0], f"{path}[{row}]") for row, each in enumerate(value))


def _joined(path, key):
    return f"{path}.{key}" if path else key
