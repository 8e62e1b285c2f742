"""The process that runs points of a comparison, or alternatives, one by one, as `worker_pool` tells it to."""

from pathlib import Path

from lasermesh.experiments.worker import Teller, answering, serve


def main():
    """Run points until there are no more orders."""
    serve(run_order)


@answering
def run_order(order, tell):
    """Run one point."""
    from lasermesh.capture.options import CaptureOptions
    from lasermesh.experiments.running import run

    finished = run(
        Path(order["name"]) if order["is_path"] else order["name"],
        [*order["sets"], *order["varied"]],
        order["output"],
        order["seed"],
        order["threads"],
        force=True,
        capture=order.get("capture") and CaptureOptions(**order["capture"]),
        on_progress=Teller(tell),
        warn=lambda message: tell(warning=message),
        warm_up_s=order["warm_up_s"],
        alternatives=order.get("alternatives", ()),
    )
    return {"status": finished.status, "message": None}
