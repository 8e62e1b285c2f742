"""How large a page of the globe is, and how fast it draws in a browser without a graphics card.

    python bench/globe.py [--seconds 4] [--repeat 3] [--json] [PAGE ...]

Without pages of `lasermesh view`, four are made: two of made-up load on circular orbits in a grid, with 1,584
satellites and 3,168 laser links and with 10,000 and 20,000, one minute each; and two shipped topologies over
two minutes. Each is opened in headless Chromium (software rendering, window 1280 x 800), played, and turned
by dragging. Frames per second are those drawn; the browser asks for 60. "script" is the time in the page's
own code per frame, "CPU" what all processes of the browser took per frame, which a busy machine changes
least. Best of the repeats by frames per second.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lasermesh.views.globe_page import globe_html
from tests.views.browsers import missing_programs, start_browser, wait_until_ready
from tests.views.synthetic_globe import synthetic_globe

SYNTHETIC = {
    "grid of 72 x 22": {"planes": 72, "slots": 22},
    "grid of 100 x 100": {"planes": 100, "slots": 100, "flows": (("Tokyo", "London"),)},
}
SHIPPED = ("starlink-gen1", "starlink-2026")
SHIPPED_S = 120
COUNT = """
const [seconds, done] = arguments;
const [first, since] = [lasermesh.frames(), performance.now()];
setTimeout(() => {
  const frames = lasermesh.frames() - first;
  done([frames / (performance.now() - since) * 1e3, frames, lasermesh.frameTimes().slice(-frames)]);
}, seconds * 1e3);
"""
PLAY = "lasermesh.setTime(0); lasermesh.play();"
# As a hand would drag: a little in every frame.
TURN = """
lasermesh.pause();
const canvas = document.getElementById("globe");
canvas.setPointerCapture = () => {};
const send = (kind, x) =>
  canvas.dispatchEvent(new PointerEvent(kind, { pointerId: 1, clientX: x, clientY: 300, bubbles: true }));
let x = 300;
send("pointerdown", x);
(function drag() { send("pointermove", x += 2); window.dragging = requestAnimationFrame(drag); })();
"""
REST = "cancelAnimationFrame(window.dragging); lasermesh.pause();"


def cpu_ms(ancestor):
    """CPU time of all processes that a process started, in ms."""
    children = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has ended
                continue
            children.setdefault(int(fields[1]), []).append(
                (int(folder.name), int(fields[11]) + int(fields[12]))
            )
    total, line = 0, [ancestor]
    while line:
        for process, ticks in children.get(line.pop(), ()):
            total += ticks
            line.append(process)
    return total * 1e3 / os.sysconf("SC_CLK_TCK")


def measure(browser, what, seconds, repeat):
    """Frames per second and the cost of one, best of the repeats."""
    rows = []
    for _ in range(repeat):
        browser.execute_script(what)
        time.sleep(0.5)
        before = cpu_ms(browser.service.process.pid)
        per_second, frames, script_ms = browser.execute_async_script(COUNT, seconds)
        spent = cpu_ms(browser.service.process.pid) - before
        browser.execute_script(REST)
        rows.append(
            {
                "frames_per_s": round(per_second, 1),
                "script_ms": round(statistics.median(script_ms), 2),
                "script_most_ms": round(max(script_ms), 2),
                "cpu_ms": round(spent / max(frames, 1), 1),
            }
        )
    return max(rows, key=lambda row: row["frames_per_s"])


def measure_page(name, page, seconds, repeat):
    """Size, time to open and frame rates of one page."""
    browser = start_browser()
    try:
        start = time.perf_counter()
        browser.get(page.as_uri() + "#t=0")
        failure = wait_until_ready(browser)
        open_s = time.perf_counter() - start
        if failure:
            raise SystemExit(f"{name}: {failure}")
        sizes = browser.execute_script("return lasermesh.sizes()")
        # At a speed at which the interval lasts a little longer than the measurement.
        browser.execute_script(
            "lasermesh.setSpeed(arguments[0] / arguments[1])", sizes["durationS"], seconds + 2
        )
        return {
            "page": name,
            "bytes": page.stat().st_size,
            "open_s": round(open_s, 2),
            "satellites": sizes["satellites"],
            "links_up": sizes["linksUp"],
            "playing": measure(browser, PLAY, seconds, repeat),
            "turning": measure(browser, TURN, seconds, repeat),
        }
    finally:
        browser.quit()


def make_pages(folder):
    """The pages measured when none is given: (name, file)."""
    for name, sizes in SYNTHETIC.items():
        page = folder / f"{sizes['planes']}x{sizes['slots']}.html"
        page.write_text(globe_html(synthetic_globe(**sizes)[0]), encoding="utf-8")
        yield name, page
    for name in SHIPPED:
        page = folder / f"{name}.html"
        command = [
            sys.executable,
            "-m",
            "lasermesh",
            "view",
            name,
            "--duration",
            str(SHIPPED_S),
            "-o",
            str(page),
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=Path(__file__).parents[1])
        yield name, page


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "pages", nargs="*", type=Path, metavar="PAGE", help="pages that `lasermesh view` wrote"
    )
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement (4)")
    parser.add_argument("--repeat", type=int, default=3, help="measurements, of which the best counts (3)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    if missing_programs():
        raise SystemExit(f"not installed: {' and '.join(missing_programs())}")
    with tempfile.TemporaryDirectory() as folder:
        given = [(page.name, page.resolve()) for page in arguments.pages]
        pages = given or make_pages(Path(folder))
        rows = [measure_page(name, page, arguments.seconds, arguments.repeat) for name, page in pages]
    chromium = subprocess.run(["chromium", "--version"], capture_output=True, text=True).stdout.strip()
    report = {
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
        f"load average {os.getloadavg()[0]:.1f}",
        "browser": chromium,
        "command": "python bench/globe.py " + " ".join(sys.argv[1:]),
        "pages": rows,
    }
    if arguments.json:
        print(json.dumps(report))
        return
    for key in ("machine", "browser", "command"):
        print(f"{key}: {report[key]}")
    columns = f"{'frames/s':>9} {'script ms':>10} {'most':>6} {'CPU ms':>7}"
    print(f"\n{'':46}{'playing':>36}{'turning':>36}")
    print(f"{'page':18} {'kB':>6} {'opens s':>7} {'satell.':>7} {'links':>6}  {columns}  {columns}")
    for row in rows:
        print(
            f"{row['page'][:18]:18} {row['bytes'] / 1e3:6.0f} {row['open_s']:7.2f} "
            f"{row['satellites']:7} {row['links_up']:6}"
            + "".join(
                f"  {part['frames_per_s']:9.1f} {part['script_ms']:10.2f} {part['script_most_ms']:6.1f} "
                f"{part['cpu_ms']:7.1f}"
                for part in (row["playing"], row["turning"])
            )
        )


if __name__ == "__main__":
    main()
