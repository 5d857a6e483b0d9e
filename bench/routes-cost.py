#!/usr/bin/env python3
"""bench/routes-cost.py [ROUNDS] [SECONDS]: what a request costs at 5,000 routes, against 10.

Two Headgates at once, one for each scenario, loaded in turn round by round, since the machine's speed wanders over minutes.
The median of the rounds' ratios counts; `headgate run` of this checkout, or of HEADGATE_DIR. A third has 5,000 routes on one
hostname, for the time to start and the memory only.
"""

import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, os.environ.get("HEADGATE_BENCH", str(HERE.parent.parent / "shared/bench")))
import scenarios  # noqa: E402
from ruler import proc, running, tools  # noqa: E402
from ruler.shape import DIRECT, Route, backend  # noqa: E402
from scenarios.scale import Routes  # noqa: E402
from targets import headgate  # noqa: E402

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 9
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 3


class OneHost(Routes):
    def routes(self):
        return [Route(backend(n), "team.bench.test", f"/svc{n}") for n in range(self.count)]


class Here(headgate.Proxy):
    """Headgates beside one another need ports of their own for the admin API."""

    def __init__(self, admin):
        self.admin = f"127.0.0.1:{admin}"

    def missing(self):
        return None

    def command(self, shape, port, folder):
        root = Path(os.environ.get("HEADGATE_DIR", HERE.parent))
        return [root / "bin" / "headgate", "run", folder / "documents", "--workers", "1", "--admin", self.admin]

    def ready(self):
        headgate.READY = f"http://{self.admin}/readyz"
        return super().ready()


class Cell:
    def __init__(self):
        self.state, self.reason, self.extra = "", "", {}

    def fail(self, error):
        raise SystemExit(error)


def cost(scenario, run):
    """CPU microseconds a request."""
    before = run.cpu()
    count = scenario.throughput(run, SECONDS)
    if count.error:
        raise SystemExit(f"{scenario.name}: {count.error}")
    return (run.cpu() - before) / count.ok * 1e6


def measure(folder, started):
    pems = tools.certificate(folder)
    echo = proc.start([tools.command("backend"), f"-cert={pems[1]}", f"-key={pems[2]}"], 1, folder / "backend.log")
    started.append(echo)
    proc.listening(DIRECT, echo)
    by_name = {scenario.name: scenario for scenario in scenarios.ALL}
    runs = []
    for number, scenario in enumerate([by_name["h1-small"], by_name["routes-5000"], OneHost("one-host-5000", "", 5000)]):
        cell = Cell()
        run = running.launch(scenario, Here(19100 + number), cell, 21000 + number * 100, folder / scenario.name, pems)
        started.append(run.process)
        cost(scenario, run)
        print(f"{scenario.name}: start {cell.extra['start']:.2f} s, peak RSS {proc.rss_mib(run.process.pid):.0f} MiB", flush=True)
        runs.append((scenario, run))
    ratios, costs = [], []
    for number in range(ROUNDS):
        pair = runs[:2] if number % 2 == 0 else runs[1::-1]
        took = {scenario.name: cost(scenario, run) for scenario, run in pair}
        costs.append(took)
        ratios.append(took["routes-5000"] / took["h1-small"])
    for name in ("h1-small", "routes-5000"):
        print(f"{name}: {statistics.median(took[name] for took in costs):.1f} CPU-µs a request, median of {ROUNDS} rounds of {SECONDS:g} s")
    print("a request at 5,000 routes costs, of one at 10: " + " ".join(f"{ratio:.2f}" for ratio in sorted(ratios)) + f"; median {statistics.median(ratios):.3f}")


def main():
    proc.prepare()
    lock = tools.only_run()  # held until the end
    folder, started = Path(tempfile.mkdtemp(prefix="routes-cost-")), []
    try:
        measure(folder, started)
    finally:
        for process in reversed(started):
            proc.stop(process)
        shutil.rmtree(folder)
        del lock


main()
