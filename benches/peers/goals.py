"""What deskbridge wants to cost, against what was measured. Ratios are taken round by round, as the
speed of a shared machine changes between rounds and not so much within one.
"""

import statistics

import inprocess

SIZES = (2, 10, 60)
# What is known of these two on this work in general. A run that is far from it says nothing.
KNOWN = {"nginx ÷ hyper floor, passed through": 0.93, "nginx + Lua ÷ hyper floor, stand-in bodies": 10.0}
FAR = 0.20
# What counts as flat: the most of something over the least. Caches of the machine are smaller than
# what is looked at, so not 1.
FLAT, FLAT_AIM = 1.5, 1.15


class Ratio:
    """One number over another of the same round: the median, and between which two they lay."""

    def __init__(self, above, below):
        values = [a / b for a, b in zip(above, below)]
        self.middle, self.low, self.high = statistics.median(values), min(values), max(values)

    def __str__(self):
        return f"{self.middle:.2f} ({self.low:.2f}–{self.high:.2f})"


class Goal:
    """A row of the table."""

    def __init__(self, what, must, aim, measured, least, unit=""):
        self.what, self.must, self.aim, self.measured = what, must, aim, measured
        self.least, self.unit = least, unit

    def verdict(self):
        value = getattr(self.measured, "middle", self.measured)
        reached = (lambda limit: value >= limit) if self.least else (lambda limit: value <= limit)
        if self.aim is not None and reached(self.aim):
            return "aim met"
        return "met" if reached(self.must) else "**missed**"

    def cells(self):
        bound = "≥" if self.least else "≤"
        measured = str(self.measured) if isinstance(self.measured, Ratio) else f"{self.measured:.3g}"
        aim = "" if self.aim is None else f"{bound} {self.aim:g}{self.unit}"
        return [self.what, f"{bound} {self.must:g}{self.unit}", aim, measured + self.unit, self.verdict()]


def cpu(results, scenario, size, name):
    rows = results.get((scenario, size), {}).get(name)
    return [row["cpu"] for row in rows] if rows else None


def goals(run):
    results, latencies, idle, resident, printed = run.results, run.latencies, run.idle, run.resident, run.inprocess
    made = []

    def ratio(what, above, below, must, aim, least):
        if above and below:
            made.append(Goal(what, must, aim, Ratio(above, below), least))

    for size, must, aim in zip(SIZES, (1.6, 2.5, 4.0), (1.25, 1.8, 2.8)):
        above, below = cpu(results, "get", size, "deskbridge"), cpu(results, "pass", size, "hyper floor")
        ratio(f"translated GET ÷ hyper pass-through, {size} KB", above, below, must, aim, False)
    for size, must, aim in zip(SIZES, (2, 4, 6), (2.5, 5.5, 9)):
        above, below = cpu(results, "get", size, "nginx + Lua"), cpu(results, "get", size, "deskbridge")
        ratio(f"translated GET, requests a second ÷ nginx + Lua, {size} KB", above, below, must, aim, True)
    own = cpu(results, "get", 10, "deskbridge")
    ratio("… ÷ nginx + njs, 10 KB", cpu(results, "get", 10, "nginx + njs"), own, 7, 10, True)
    others = [rows for name in ("node", "HAProxy + Lua") if (rows := cpu(results, "get", 10, name))]
    best = min(others, key=statistics.median, default=None)
    ratio("… ÷ the better of node with fastify and HAProxy + Lua, 10 KB", best, own, 6, 8, True)
    for size in SIZES:
        below = cpu(results, "hit", size, "hyper + moka")
        for name in ("deskbridge", "deskbridge, account API", "deskbridge, third-party API"):
            dialect = name.partition(", ")[2] or "public inbox"
            ratio(f"hit ÷ hyper + moka, {dialect}, {size} KB", cpu(results, "hit", size, name), below, 1.25, 1.08, False)
    for size, must, aim in zip(SIZES, (1.15, 1.1, 0.8), (1.35, 1.25, 0.95)):
        above, below = cpu(results, "hit", size, "nginx proxy_cache"), cpu(results, "hit", size, "deskbridge")
        ratio(f"hit, requests a second ÷ nginx proxy_cache, {size} KB", above, below, must, aim, True)
    above, below = cpu(results, "post", 10, "nginx + Lua"), cpu(results, "post", 10, "deskbridge")
    ratio("POST of a message, requests a second ÷ nginx + Lua", above, below, 1.2, 1.5, True)
    for source, checks, rebuilds in inprocess.translator(printed):
        made.append(Goal(f"translator ÷ serde_json checking, {source}", 2.5, 1.3, checks, False))
        made.append(Goal(f"translator ÷ rebuild through Value, {source}", 0.20, 0.08, rebuilds, False))
    if latencies:
        ours, floor = latencies.get("deskbridge"), latencies.get("hyper floor")
        for quantile, must, aim in (("p50", 1.6, 1.25), ("p99", 2.2, 1.5)):
            if ours and floor:
                measured = Ratio([row[quantile] for row in ours], [row[quantile] for row in floor])
                made.append(Goal(f"10 KB at 1,000 a second, {quantile} ÷ hyper pass-through", must, aim, measured, False))
    if "deskbridge" in idle:
        made.append(Goal("memory of an idle connection", 16, 4, idle["deskbridge"] / 1024, False, " KB"))
    if "deskbridge" in resident:
        made.append(Goal("resident under load", 40, 20, max(resident["deskbridge"]) / 2**20, False, " MB"))
    for what, times in inprocess.growth(printed):
        made.append(Goal(f"growth: {what}", FLAT, FLAT_AIM, times, False))
    if run.many:
        few, many = ([row["cpu"] for row in rows] for rows in run.many.values())
        ratio("growth: entries, 1 to 1000000: a whole hit of any of them", many, few, FLAT, FLAT_AIM, False)
    return made


def void(results):
    """Why the run says nothing; empty where it does."""
    seen = {
        "nginx ÷ hyper floor, passed through": (cpu(results, "pass", 10, "nginx"), cpu(results, "pass", 10, "hyper floor")),
        "nginx + Lua ÷ hyper floor, stand-in bodies": (
            cpu(results, "stand-in", 10, "nginx + Lua"),
            cpu(results, "stand-in", 10, "hyper floor"),
        ),
    }
    lines, wrong = [], []
    for what, known in KNOWN.items():
        above, below = seen[what]
        if not above or not below:
            wrong.append(f"{what} was not measured")
            continue
        ratio = Ratio(above, below)
        lines.append(f"{what}: {ratio}, known to be about {known}")
        if abs(ratio.middle / known - 1) > FAR:
            wrong.append(f"{what} is {ratio}, and not about {known}")
    return lines, wrong
