"""Plots of runs: matplotlib figures drawn from the tables of a run folder, and files of them.

```python
from lasermesh.results import load
from lasermesh.views import plots

run = load("runs/quick")
plots.save(plots.draw(run, "latency"), "latency.pdf")
```
"""

from lasermesh.views.plots.choice import NothingToDraw
from lasermesh.views.plots.kinds import PLOTS, Plot, draw, open_folder, what_fits
from lasermesh.views.plots.saving import draw_files, picture, save, svg_text

__all__ = [
    "PLOTS",
    "NothingToDraw",
    "Plot",
    "draw",
    "draw_files",
    "open_folder",
    "picture",
    "save",
    "svg_text",
    "what_fits",
]
