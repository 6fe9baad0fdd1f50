"""The page of a run: goals, every number behind them, and where it was measured."""

import datetime
import platform
import re
import statistics
import subprocess

import goals
import inprocess
import peers

BEGIN, END = "<!-- make bench writes from here -->", "<!-- to here -->"
SCENARIOS = {
    "pass": "Passed through",
    "stand-in": "The stand-in body, by which a run is checked",
    "get": "Translated GET",
    "hit": "Hit",
    "post": "POST of a message",
}


def table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|" + "|".join(" --- " for _ in heads) + "|"]
    return lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]


def said(*argv):
    """The first line of what a program says of itself."""
    try:
        done = subprocess.run(list(map(str, argv)), capture_output=True, text=True, check=False)
    except OSError:
        return "?"
    return ((done.stdout or done.stderr).strip().splitlines() or ["?"])[0]


def package(name):
    return said("dpkg-query", "-W", "-f", "${Version}", name)


def machine():
    """Where and with what it was measured."""
    with open("/proc/cpuinfo", encoding="utf-8") as text:
        model = re.search(r"model name\s*: (.*)", text.read())
    kernel = platform.release()
    versions = [
        said("rustc", "--version"),
        said("nginx", "-v").removeprefix("nginx version: "),
        f"lua module {package('libnginx-mod-http-lua')}",
        f"lua-cjson {package('lua-cjson')}",
        f"njs {package('libnginx-mod-http-js')}",
        f"node {said('node', '--version')}",
        f"wrk {package('wrk')}",
        f"h2load {package('nghttp2-client')}",
    ]
    return f"{model[1] if model else '?'}, Linux {kernel}. " + "; ".join(versions) + "."


def revision():
    changed = said("git", "-C", peers.ROOT, "status", "--porcelain", "--untracked-files=no") not in ("?", "")
    return said("git", "-C", peers.ROOT, "rev-parse", "--short=12", "HEAD") + (" and what is not committed" if changed else "")


def heading(run):
    day = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    lines = [
        f"{day}, revision {revision()}, `{run.command}`: {run.options.rounds} rounds of {run.options.seconds} s each.",
        machine(),
        f"Load of the machine before the run: {run.busy}.",
        "",
    ]
    known, wrong = goals.void(run.results)
    lines += [f"- {line}" for line in known]
    if wrong:
        lines += ["", "**This run is void**: " + "; ".join(wrong) + "."]
    return lines + [""]


def goals_table(run):
    made = goals.goals(run)
    return heading(run) + table(["what", "must", "aim", "measured (lowest–highest)", ""], [goal.cells() for goal in made])


def details(run):
    lines = ["# The recorded run", ""] + heading(run)
    lines += [
        "CPU of the gateway for each request, all its threads, the median of the rounds and between which two it lay. What the peers",
        "do is in `benches/peers`; how it is measured and what it means, in [benchmarks.md](benchmarks.md).",
        "",
        "| conversation | contract | public inbox's answer |",
        "| --- | --- | --- |",
    ]
    lines += [f"| {size} KB | {run.sizes[size]} bytes | {run.told[size]} bytes |" for size in goals.SIZES]
    lines += ["", "Equal answers were checked first. What peers lose of them:", ""]
    lines += [f"- {what}: {', '.join(sorted(names))}" for what, names in sorted(run.lost.items())] or ["- nothing"]
    for (scenario, size), rows in run.results.items():
        lines += ["", f"## {SCENARIOS[scenario]}, {size} KB", ""]
        floor = goals.cpu(run.results, "pass", size, "hyper floor")
        made = []
        for name, row in sorted(rows.items(), key=lambda item: statistics.median(r["cpu"] for r in item[1])):
            cpu = [r["cpu"] for r in row]
            middle = statistics.median(cpu)
            ratio = goals.Ratio(cpu, floor) if floor else "–"
            calls = sum(row[-1]["calls"].values())
            seen = statistics.median(r["seen"] for r in row)
            span = f"{middle:.1f} ({min(cpu):.1f}–{max(cpu):.1f})"
            made.append([name, span, ratio, f"{1e6 / middle:.0f}", f"{seen:.0f}", f"{calls:.2f}"])
        heads = ["", "µs of CPU", "÷ hyper pass-through", "requests a second and core", "seen", "upstream calls"]
        lines += table(heads, made)
    if run.latencies:
        lines += ["", "## 10 KB at 1,000 requests a second, 16 connections", ""]
        made = []
        for name, rows in run.latencies.items():
            made.append([name] + [f"{statistics.median(r[q] for r in rows):.0f}" for q in ("p50", "p99", "p999")])
            made[-1] += [f"{min(r['rate'] for r in rows):.0%}", f"{rows[-1]['calls']:.2f}"]
        lines += table(["", "p50 µs", "p99 µs", "p99.9 µs", "of the rate, at least", "upstream calls"], made)
    if run.idle:
        lines += ["", f"## Memory of an idle connection, {run.connections} of them", ""]
        lines += table(["", "bytes"], [[name, f"{value:.0f}"] for name, value in run.idle.items()])
    if run.many:
        lines += ["", "## A small hit of the account API, any of so many", ""]
        made, first = [], [r["cpu"] for r in next(iter(run.many.values()))]
        for name, rows in run.many.items():
            cpu = [r["cpu"] for r in rows]
            made.append([name, f"{statistics.median(cpu):.1f} ({min(cpu):.1f}–{max(cpu):.1f})", goals.Ratio(cpu, first), f"{rows[-1]['resident'] / 2**20:.0f}"])
        lines += table(["entries", "µs of CPU", "÷ the first", "MB resident"], made)
    if run.resident:
        lines += ["", "## Resident memory, before the load and at most after a part of it", ""]
        rows = [[name, f"{a / 2**20:.1f}", f"{b / 2**20:.1f}"] for name, (a, b) in run.resident.items()]
        lines += table(["", "MB before", "MB at most"], rows)
    if run.inprocess:
        lines += ["", "## In one process (`cargo bench`)", ""] + inprocess.page(run.inprocess)
    return lines


def written(run):
    """Both pages: a quick run leaves those of the repository alone."""
    # Both first: what is written makes the repository differ from its revision.
    table_page, detail_page = ("\n".join(make(run)) + "\n" for make in (goals_table, details))
    place = peers.ROOT / "target/peers"
    (place / "goals.md").write_text(table_page)
    (place / "benchmarks-run.md").write_text(detail_page)
    if run.options.write:
        (peers.ROOT / "docs/benchmarks-run.md").write_text(detail_page)
        page = peers.ROOT / "docs/benchmarks.md"
        before, _, rest = page.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        page.write_text(before + BEGIN + "\n" + table_page + END + after)
