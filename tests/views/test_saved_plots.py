"""Files of plots: the same for the same run, with text as text, and nothing of the user's changed."""

import re

import matplotlib
import pytest

from lasermesh import extras
from lasermesh.errors import UserError
from lasermesh.views import plots
from tests.views.small_runs import run_of_one_flow


@pytest.fixture
def run():
    return run_of_one_flow()


@pytest.mark.parametrize("suffix", [".svg", ".pdf", ".png"])
def test_a_plot_is_the_same_file_every_time(run, tmp_path, suffix):
    for name in ("one", "two"):
        plots.save(plots.draw(run, "cdf"), tmp_path / f"{name}{suffix}", dpi=50)
    assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()
    assert b"small: Distribution of latency" in (tmp_path / f"one{suffix}").read_bytes()


def test_svg_for_a_page_is_one_element_with_text_as_text(run):
    text = plots.svg_text(plots.draw(run, "cdf"))
    assert text.startswith('<svg role="img" aria-label="small: Distribution of latency"')
    assert "office/Tokyo&gt;London</text>" in text
    assert "one-way latency (ms)</text>" in text
    assert not re.search(r"<dc:date>|https?://(?!www\.w3\.org|matplotlib|creativecommons|purl)", text)


def test_settings_of_matplotlib_stay_as_the_user_made_them(run, tmp_path):
    with matplotlib.rc_context({"font.size": 31.0, "axes.grid": False, "savefig.facecolor": "red"}):
        before = dict(matplotlib.rcParams)
        plots.save(plots.draw(run, "latency"), tmp_path / "mine.svg")
        assert dict(matplotlib.rcParams) == before
    plots.save(plots.draw(run, "latency"), tmp_path / "plain.svg")
    assert (tmp_path / "mine.svg").read_bytes() == (tmp_path / "plain.svg").read_bytes()


def test_a_picture_has_the_size_that_was_asked_for(run, tmp_path):
    plots.save(plots.draw(run, "cdf", width_cm=8.5, height_cm=7.0), tmp_path / "small.png", dpi=254)
    data = (tmp_path / "small.png").read_bytes()
    assert (int.from_bytes(data[16:20]), int.from_bytes(data[20:24])) == (850, 700)


def test_several_plots_are_pages_of_a_pdf_and_pictures_of_their_own(run, tmp_path):
    files = plots.draw_files(run, ["latency", "cdf"], tmp_path / "all.pdf")
    assert files == {tmp_path / "all.pdf": ["latency", "cdf"]}
    assert len(re.findall(rb"/Type /Page\b", (tmp_path / "all.pdf").read_bytes())) == 2
    files = plots.draw_files(run, ["latency", "cdf"], tmp_path / "all.png", dpi=30)
    assert list(files) == [tmp_path / "all-latency.png", tmp_path / "all-cdf.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all-cdf.png", "all-latency.png", "all.pdf"]


def test_without_a_choice_all_that_fit_are_drawn_in_files_named_as_the_run(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plots.draw_files(run, dpi=30)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"small-{what}.png" for what in ("cdf", "contacts", "goodput", "latency", "map", "tail")
    ]


def test_nothing_is_drawn_if_a_file_cannot_be_written(run, tmp_path, monkeypatch):
    monkeypatch.setattr(plots.saving, "draw", lambda *args, **options: pytest.fail("drawn"))
    for name, message in {
        "no/a.png": "there is no folder",
        "a.gif": "must end in .png, .svg or .pdf",
    }.items():
        for what in (["cdf"], ["cdf", "latency"], []):
            with pytest.raises(UserError, match=message) as refused:
                plots.draw_files(run, what, tmp_path / name)
            assert "-latency" not in str(refused.value)  # a name that was not given


def test_without_matplotlib_the_extra_is_named(run, monkeypatch):
    monkeypatch.setattr(extras.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'plots need matplotlib.*pip install "lasermesh\[plot\]"'):
        plots.draw(run, "cdf")
