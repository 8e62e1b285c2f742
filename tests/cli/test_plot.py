"""`lasermesh plot`; what is drawn is tested in tests/views."""

import json
import shutil

from tests.views.small_runs import run_of_one_flow, write_folder


def test_the_command_draws_lists_and_refuses(run_command, tmp_path):
    write_folder(run_of_one_flow(), tmp_path / "small")
    done = run_command("plot", "small", "cdf", "-o", "cdf.svg", "--json")
    assert (done.code, json.loads(done.out)) == (0, {"files": [{"file": "cdf.svg", "plots": ["cdf"]}]})
    assert run_command("plot", "small", "cdf", "-o", "cdf.svg").out == "cdf.svg: cdf\n"
    done = run_command("plot", "small", "cdf", "--at", "3", "--start", "101", "-o", "cdf.svg")
    assert done.code == 0
    assert "cdf: does not use --at; it is of map" in done.err
    assert (
        run_command("plot", "small", "latency", "--start", "101", "--duration", "1", "-o", "l.svg").err == ""
    )
    listed = {
        each["plot"]: each
        for each in json.loads(run_command("plot", "small", "--list", "--json").out)["plots"]
    }
    assert listed["cdf"] == {"plot": "cdf", "fits": True, "why_not": None}
    assert listed["power"] == {"plot": "power", "fits": False, "why_not": "it has no power"}
    text = run_command("plot", "small", "--list").out
    assert "\n  power: it has no power\n" in text
    shutil.copytree(tmp_path / "small", tmp_path / "damaged")
    (tmp_path / "damaged" / "latency_bins.parquet").write_bytes(b"PAR1")
    (tmp_path / "crashed").mkdir()
    for arguments, message in {
        ("small", "cdff"): 'no plot is named "cdff"; did you mean "cdf"?',
        ("small", "cdf", "-o", "cdf.gif"): 'the name "cdf.gif" must end in .png, .svg or .pdf',
        ("small", "cdf", "-o", "no/cdf.svg"): 'there is no folder "no"',
        ("small", "-o", "p.jpg"): 'the name "p.jpg" must end in .png, .svg or .pdf',
        ("small", "cdf", "--flow", "zzz"): 'no flow of this run is named "zzz"; there is "office"',
        ("nowhere", "cdf"): "nowhere: there is no such folder",
        ("crashed", "cdf"): "the folder has no manifest.json",
        ("damaged", "cdf"): "the file is damaged",
    }.items():
        done = run_command("plot", *arguments)
        assert (done.code, done.out) == (2, "")
        assert message in done.err
        assert "Traceback" not in done.err
