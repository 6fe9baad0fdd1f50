#!/usr/bin/env python3
"""deskbridge beside its peers: the same work on the same bytes, in one interleaved run. See
docs/benchmarks.md."""

import argparse
import os
import pathlib
import shutil
import sys

import bodies
import check
import goals
import measure
import peers
import report
import scenarios

IDLE = 4000
RATE = 1000


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deskbridge", default=peers.ROOT / "target/dist/deskbridge", type=pathlib.Path, metavar="BINARY")
    parser.add_argument("--quick", action="store_true", help="one round of a second, and 1000 idle connections")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of each measurement")
    parser.add_argument("--sizes", default="2,10,60", help="of the conversation, in KB")
    parser.add_argument("--only", default="pass,get,hit,post,latency,idle,many", help="some of these")
    parser.add_argument("--peers", help="only these, and no goals: " + ", ".join(scenarios.Gateways.START))
    parser.add_argument("--inprocess", type=pathlib.Path, metavar="FILE", help="what `cargo bench` printed")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md and docs/benchmarks-run.md")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 1
    return options


class Run:
    """Everything that one run has measured."""

    def __init__(self, options):
        self.options = options
        self.command = "benches/peers/run.py " + " ".join(sys.argv[1:])
        self.only = options.only.split(",")
        self.busy = "%.1f" % os.getloadavg()[0]
        self.connections = 1000 if options.quick else IDLE
        self.results, self.latencies, self.idle, self.resident, self.lost = {}, {}, {}, {}, {}
        self.many = {}
        self.sizes = bodies.write(peers.ROOT, peers.WORK)
        self.told = {}
        self.inprocess = options.inprocess.read_text() if options.inprocess else ""

    def answers(self):
        """What deskbridge tells clients: what everybody must say, and what the caches of peers hold."""
        gateways = scenarios.Gateways(self.options.deskbridge, {"on"})
        try:
            for size in scenarios.SIZES:
                target = scenarios.Target("deskbridge", gateways["on"], scenarios.PUBLIC, size * 1000)
                answer = target.get()
                (peers.WORK / f"answer.{size}.json").write_bytes(answer)
                self.told[size] = len(answer)
        finally:
            gateways.stop()

    def plan(self, gateways):
        made = {}
        for size in map(int, self.options.sizes.split(",")):
            for name, make in (("pass", scenarios.passed), ("get", scenarios.translated), ("hit", scenarios.hit)):
                if name in self.only:
                    made[name, size] = make(gateways, size)
        if "pass" in self.only:
            made["stand-in", 10] = scenarios.stand_in(gateways)
        if "post" in self.only:
            made["post", 10] = scenarios.posted(gateways, (peers.WORK / "post.json").read_bytes())
        return {key: targets for key, targets in made.items() if targets}

    def check(self, plan):
        """Nobody is measured who says something else. Keeps what the JSON libraries of peers lose."""
        for (scenario, size), targets in plan.items():
            if scenario == "stand-in":
                continue
            if scenario == "pass":
                want = (peers.WORK / f"conversation.{size}.json").read_bytes()
            elif scenario == "post":
                want = targets[0].get()
            else:
                want = (peers.WORK / f"answer.{size}.json").read_bytes()
            for target in targets:
                got = target.get()
                if target.other:
                    continue
                for what in check.same(f"{target.name}, {scenario} {size}", want, got):
                    self.lost.setdefault(what, set()).add(target.name)

    def measure(self, plan):
        """Rounds of everything in turn; the first is thrown away, as it warms what it measures."""
        for turn in range(self.options.rounds + 1):
            for key, targets in plan.items():
                for target in targets:
                    result = measure.load(target, self.options.seconds if turn else 1)
                    if name := scenarios.MEMORY.get(target.process.name):
                        self.resident[name][1] = max(self.resident[name][1], result["resident"])
                    if turn:
                        self.results.setdefault(key, {}).setdefault(target.name, []).append(result)
            print(f"round {turn} of {self.options.rounds}", file=sys.stderr, flush=True)

    def measure_latency(self, gateways):
        targets = scenarios.at_a_rate(gateways)
        for turn in range(self.options.rounds + 1):
            for target in targets:
                result = measure.latency(target, RATE, max(2, self.options.seconds) if turn else 1)
                if turn:
                    self.latencies.setdefault(target.name, []).append(result)
        print("latency", file=sys.stderr, flush=True)

    def measure_idle(self):
        """Each in a fresh process, so that nothing which was freed before is used again."""
        for name, title in scenarios.IDLE.items():
            gateways = scenarios.Gateways(self.options.deskbridge, {name})
            try:
                self.idle[title] = measure.idle(scenarios.kept(gateways, name), self.connections)
            finally:
                gateways.stop()
        print("idle connections", file=sys.stderr, flush=True)

    def measure_many(self):
        """A hit while there is one answer, and, in another process, while there are very many."""
        processes = []
        try:
            targets = []
            for entries in (1, scenarios.MANY):
                processes.append(scenarios.many(self.options.deskbridge, entries))
                targets.append(scenarios.one_of(processes[-1], entries))
                measure.ask_for_all(targets[-1])
            for turn in range(self.options.rounds + 1):
                for target in targets:
                    result = measure.load(target, self.options.seconds if turn else 1)
                    if sum(result["calls"].values()) > 0.01:
                        raise measure.Failed(f"one of {target.name}: the backend was asked")
                    if turn:
                        self.many.setdefault(target.name, []).append(result)
        finally:
            for process in processes:
                process.stop()
        print("very many entries", file=sys.stderr, flush=True)

    def go(self):
        upstream = gateways = None
        names = set(self.options.peers.split(",")) if self.options.peers else None
        try:
            upstream = peers.upstream()
            self.answers()
            gateways = scenarios.Gateways(self.options.deskbridge, names)
            plan = self.plan(gateways)
            self.check(plan)
            for process in gateways.running.values():
                if plan and (name := scenarios.MEMORY.get(process.name)):
                    self.resident[name] = [process.memory()[0]] * 2
            self.measure(plan)
            if "latency" in self.only:
                self.measure_latency(gateways)
            gateways.stop()
            if "idle" in self.only:
                self.measure_idle()
            if "many" in self.only and not names:
                self.measure_many()
        finally:
            for process in (gateways, upstream):
                if process:
                    process.stop()


def main():
    options = arguments()
    if not options.deskbridge.exists():
        sys.exit(f"{options.deskbridge} is not there: cargo build --locked --profile dist, or --deskbridge BINARY")
    for program in ("wrk", "h2load", "taskset"):
        if not shutil.which(program):
            sys.exit(f"peers: {program} is not installed: benches/peers/install")
    if (os.cpu_count() or 1) < 2:
        sys.exit("peers: two cores are needed: one for the gateway, one for the load and the backend")
    peers.WORK.mkdir(parents=True, exist_ok=True)
    peers.SHM.mkdir(exist_ok=True)
    run = Run(options)
    try:
        run.go()
    except peers.Missing as error:
        sys.exit(f"peers: {error}\npeers: benches/peers/install installs what is needed")
    except (measure.Failed, check.Different) as error:
        sys.exit(f"peers: {error}")
    finally:
        shutil.rmtree(peers.SHM, ignore_errors=True)
    print("\n".join(report.details(run)[2:]) + "\n")
    if not options.peers:
        print("\n".join(report.goals_table(run)[4:]))
    report.written(run)
    _, wrong = goals.void(run.results)
    if "pass" in run.only and not options.peers and wrong:
        sys.exit("peers: this run is void: " + "; ".join(wrong))


if __name__ == "__main__":
    main()
