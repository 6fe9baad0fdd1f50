"""What `cargo bench` printed: tables in Markdown, each under its title."""

FIRST = "× the first"


def tables(text):
    """The heads and the rows of each table."""
    heads, rows = [], []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if not heads:
                heads = cells
            elif not set(line) <= set("|-: "):
                rows.append(cells)
        elif heads:
            yield heads, rows
            heads, rows = [], []


def translator(text):
    """The public inbox's conversation: how many checks and how many rebuilds a translation costs, for
    each source."""
    for heads, rows in tables(text):
        if "× a check" in heads and "× a rebuild" in heads:
            for cells in rows:
                if cells[0] == "public-inbox, conversations.get":
                    row = dict(zip(heads, cells))
                    yield row["source"], float(row["× a check"]), float(row["× a rebuild"])


def growth(text):
    """What the most of something costs, over the least: where a table counts something up."""
    for heads, rows in tables(text):
        counted = [cells for cells in rows if cells[0].isdigit()]
        for at, head in enumerate(heads):
            if head == FIRST and len(counted) > 1:
                yield f"{heads[0]}, {counted[0][0]} to {counted[-1][0]}: {heads[at - 1]}", float(counted[-1][at])


def page(text):
    """The same as part of a page, its titles as headings."""
    lines = []
    for line in text.strip().splitlines():
        lines.append(f"### {line}" if line and not line.startswith("|") else line)
    return lines
