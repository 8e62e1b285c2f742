"""The process that runs points of a comparison, one after the other, as `worker_pool` tells it to.

Orders come as lines of JSON on the standard input, and what becomes of them goes as lines of JSON to the
standard output. What a policy prints goes to the standard error, so that it is not taken for an answer.
"""

import contextlib
import json
import os
import signal
import time
import traceback
from pathlib import Path

TELL_EVERY_S = 0.5


def main():
    """Run points until there are no more orders."""
    # The parent alone decides what Ctrl-C means; it may itself have been started with the signal ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    orders = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)

    def tell(**message):
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):  # with the parent gone nobody wants to know
        for line in orders:
            tell(**_run_point(json.loads(line), tell))


def _run_point(order, tell):
    """Run one point: its last message, with the status and, if it failed, why."""
    from lasermesh.errors import RunFailed, UserError
    from lasermesh.experiments.running import run

    name = Path(order["name"]) if order["is_path"] else order["name"]
    try:
        finished = run(
            name,
            [*order["sets"], *order["varied"]],
            order["output"],
            order["seed"],
            order["threads"],
            force=True,
            on_progress=_Teller(tell),
            warn=lambda message: tell(warning=message),
            warm_up_s=order["warm_up_s"],
        )
    except KeyboardInterrupt:
        return {"status": "interrupted", "message": None}
    except (UserError, RunFailed) as error:
        return {"status": "failed", "message": str(error)}
    except BrokenPipeError:
        raise
    except Exception as error:  # a mistake of ours must cost no other point either
        traceback.print_exc()
        return {"status": "failed", "message": f"{type(error).__name__}: {error}"}
    return {"status": finished.summary["status"], "message": None}


class _Teller:
    """Passes on how far a run is, at once when it has begun and then from time to time."""

    def __init__(self, tell):
        self._tell = tell
        self._next_s = 0.0

    def __call__(self, progress):
        now = time.monotonic()
        if now >= self._next_s:
            self._next_s = now + TELL_EVERY_S
            self._tell(share=progress.simulated_s / progress.duration_s)
