"""What all processes have in common that `worker_pool` starts.

Orders come as lines of JSON on the standard input, and what becomes of them goes as lines of JSON to the
standard output. What a policy prints goes to the standard error, so that it is not taken for an answer.
"""

import contextlib
import functools
import json
import os
import signal
import time
import traceback

from lasermesh.results.statuses import FAILED, INTERRUPTED

TELL_EVERY_S = 0.5


def serve(run_order):
    """Run orders until there are no more.

    `run_order` is a function of an order and of `tell`, to which it may pass messages on the way; it returns
    its last one, with `status` and `message`.
    """
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
            tell(**run_order(json.loads(line), tell))


def answering(run_order):
    """A function of an order and `tell` whose errors become its last message."""

    @functools.wraps(run_order)
    def answer(order, tell):
        from lasermesh.errors import RunFailed, UserError

        try:
            return run_order(order, tell)
        except KeyboardInterrupt:
            return {"status": INTERRUPTED, "message": None}
        except (UserError, RunFailed) as error:
            return {"status": FAILED, "message": str(error)}
        except BrokenPipeError:
            raise
        except Exception as error:  # a mistake of ours must cost no other order either
            traceback.print_exc()
            return {"status": FAILED, "message": f"{type(error).__name__}: {error}"}

    return answer


class Teller:
    """Passes on shares of what is done, at once when it has begun and then from time to time."""

    def __init__(self, tell):
        self._tell = tell
        self._next_s = 0.0

    def share(self, share, **more):
        """Tell of a share, if it is time to."""
        now = time.monotonic()
        if now >= self._next_s:
            self._next_s = now + TELL_EVERY_S
            self._tell(share=share, **more)

    def __call__(self, progress):
        """Tell of the progress of a run."""
        more = {"may_end_early": True} if progress.may_end_early else {}
        self.share(progress.simulated_s / progress.duration_s, **more)
