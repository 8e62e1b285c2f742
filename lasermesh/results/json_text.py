"""JSON as every file and `--json` of lasermesh has it: never NaN or infinity, numbers of numpy included."""

import json
import math
from datetime import date
from pathlib import PurePath

import numpy as np


def json_ready(value):
    """The same value in what JSON knows; NaN and infinity become None."""
    if isinstance(value, dict):
        return {str(key): json_ready(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return json_ready(value.tolist())
    if isinstance(value, (list, tuple, set, frozenset)):
        return [json_ready(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, PurePath):
        return str(value)
    return value


def to_json(value, indent=2):
    """JSON text of a value, keys in the order given, ended by a line end."""
    return json.dumps(json_ready(value), ensure_ascii=False, indent=indent, allow_nan=False) + "\n"
