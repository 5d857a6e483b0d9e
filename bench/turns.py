#!/usr/bin/env python3
"""bench/turns.py ROUNDS SECONDS RUN RUN...: work per CPU-second, all running beside one another and loaded in turn.

Where the speed of a machine wanders over minutes, short rounds that take turns are hit alike, and of many of them a standard
error can be had. A RUN is SCENARIO@TARGET: a scenario and a target of the bench, where headgate is this checkout and
headgate=FOLDER another one. What counts are the ratios to the first RUN. `one-host-5000` is routes-5000 on one hostname.

    bench/turns.py 40 1 tls-small@nginx tls-small@headgate
    bench/turns.py 30 1 h1-small@headgate routes-5000@headgate h1-small@nginx routes-5000@nginx
"""

import math
import os
import shutil
import statistics
import sys
import tempfile
import urllib.request
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
BENCH = Path(os.environ.get("HEADGATE_BENCH", HERE.parent.parent / "shared/bench"))
if not (BENCH / "scenarios").is_dir():
    raise SystemExit(f"bench/turns.py: no bench at {BENCH}; set HEADGATE_BENCH to its folder")
sys.path.insert(0, str(BENCH))
import scenarios  # noqa: E402
import targets  # noqa: E402
from ruler import proc, running, tools  # noqa: E402
from ruler.shape import DIRECT, Route, backend  # noqa: E402
from scenarios.scale import Routes  # noqa: E402
from targets import headgate  # noqa: E402


class OneHost(Routes):
    def routes(self):
        return [Route(backend(n), "team.bench.test", f"/svc{n}") for n in range(self.count)]


class Checkout(headgate.Proxy):
    """Headgates beside one another need admin addresses of their own."""

    def __init__(self, folder, port):
        self.binary = Path(folder).resolve() / "bin/headgate"
        self.admin = f"127.0.0.1:{port}"

    def missing(self):
        return None if self.binary.exists() else f"no {self.binary}"

    def command(self, shape, port, folder):
        return [self.binary, "run", folder / "documents", "--workers", "1", "--admin", self.admin]

    def ready(self):
        try:
            with urllib.request.urlopen(f"http://{self.admin}/readyz", timeout=1) as answer:
                return answer.status == 200
        except OSError:
            return False


class Cell:
    """Where the bench notes what became of a start."""

    def __init__(self):
        self.state, self.reason, self.extra = "", "", {}

    def fail(self, error):
        raise SystemExit(error)


def start(name, number, folder, pems):
    scenario_name, _, target_name = name.partition("@")
    known = {scenario.name: scenario for scenario in scenarios.ALL} | {"one-host-5000": OneHost("one-host-5000", "", 5000)}
    if scenario_name not in known or not target_name:
        raise SystemExit(f"bench/turns.py: '{name}' is no SCENARIO@TARGET; scenarios are {' '.join(known)}")
    kind, _, checkout = target_name.partition("=")
    target = Checkout(checkout or HERE.parent, 19100 + number) if kind == "headgate" else targets.load(kind)
    cell = Cell()
    run = running.launch(known[scenario_name], target, cell, 21000 + number * 100, folder / str(number), pems)
    if run is None:
        raise SystemExit(f"{name}: {cell.reason}")
    print(f"{name}: start {cell.extra['start']:.2f} s", flush=True)
    return known[scenario_name], run


def cost(scenario, run, seconds):
    """CPU microseconds a request, or whatever the scenario counts."""
    before = run.cpu()
    count = scenario.throughput(run, seconds)
    if count.error:
        raise SystemExit(f"{scenario.name}: {count.error}")
    return (run.cpu() - before) / (count.ok * scenario.scale()) * 1e6


def report(names, runs, rounds):
    for name, (_, run), costs in zip(names, runs, rounds):
        line = f"{name}: {statistics.median(costs):.1f} CPU-µs each, peak RSS {proc.rss_mib(run.process.pid):.0f} MiB"
        if costs is not rounds[0]:
            ratios = [first / own for first, own in zip(rounds[0], costs)]
            logs = [math.log(ratio) for ratio in ratios]
            mean = math.exp(statistics.mean(logs))
            error = mean * statistics.stdev(logs) / math.sqrt(len(logs))
            line += f"; work per CPU-second: {mean:.3f} ± {error:.3f} of {names[0]}, median {statistics.median(ratios):.3f}"
        print(line)


def main():
    if len(sys.argv) < 5 or int(sys.argv[1]) < 2:
        raise SystemExit(__doc__.strip())
    count, seconds, names = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
    print(f"# bench/turns.py {count} {seconds:g} {' '.join(names)}\n")
    proc.prepare()
    lock = tools.only_run()  # held until the end
    folder, runs, echo = Path(tempfile.mkdtemp(prefix="turns-")), [], None
    try:
        pems = tools.certificate(folder)
        echo = proc.start([tools.command("backend"), f"-cert={pems[1]}", f"-key={pems[2]}"], 1, folder / "backend.log")
        proc.listening(DIRECT, echo)
        for number, name in enumerate(names):
            runs.append(start(name, number, folder, pems))
        for run in runs:
            cost(*run, 3)
        rounds = [[] for _ in runs]
        for number in range(count):
            order = range(len(runs)) if number % 2 == 0 else reversed(range(len(runs)))
            for i in order:
                rounds[i].append(cost(*runs[i], seconds))
        report(names, runs, rounds)
    finally:
        for _, run in runs:
            run.stop()
        if echo:
            proc.stop(echo)
        shutil.rmtree(folder)
        del lock


main()
