"""One measurement: load for a moment, and what it cost the gateway."""

import json
import re
import socket
import subprocess
import time
import urllib.request

from peers import LOAD_CORE, UPSTREAM, WORK

CONNECTIONS = 32
# So many conversations are asked for in turn, so that no two connections ask for the same at a time.
SPREAD = 500

SCRIPT = """\
local base, spread, tail = "%(base)s", %(spread)d, "%(tail)s"
local requests, turn = {}, 0
wrk.method = "%(method)s"
%(headers)s
%(body)s
function init()
  for i = 0, math.max(spread, 1) - 1 do
    local path = spread > 0 and base .. string.format("%%d", %(first)d + i) .. tail or base
    requests[i] = wrk.format(nil, path)
  end
end
function request()
  turn = (turn + 1) %% math.max(spread, 1)
  return requests[turn]
end
"""
# Any of very many, in no order, or each in turn: no request is made before it is sent.
ANY = """
function request()
  return wrk.format(nil, base .. string.format("%%d", %(first)d + math.random(0, %(any_of)d - 1)) .. tail)
end
"""
ALL = """
local asked = %(asked)d
function request()
  asked = (asked + 1) %% %(any_of)d
  return wrk.format(nil, base .. string.format("%%d", %(first)d + asked) .. tail)
end
"""


class Failed(Exception):
    """A measurement that cannot be used."""


class Target:
    """What is asked of a process: `path` with `{n}` for the number of a conversation. `one` is asked
    for one conversation alone, an `other` answer is not compared with deskbridge's, and `any_of` so many is asked for in no order."""

    def __init__(self, name, process, path, first=0, headers=None, post=None, one=False, other=False, any_of=1):
        self.name, self.process, self.path, self.first = name, process, path, first
        self.headers, self.post, self.other, self.any_of = headers or {}, post, other, any_of
        self.spread = 0 if one or "{n}" not in path else SPREAD
        self.base, _, self.tail = path.partition("{n}")
        if one:
            self.base, self.tail = path.replace("{n}", str(first)), ""

    def url(self, more=0):
        return f"http://127.0.0.1:{self.process.port}{self.path.replace('{n}', str(self.first + more))}"

    def get(self):
        """The answer to the first of its requests."""
        headers = dict(self.headers)
        if self.post:
            headers["content-type"] = "application/json"
        request = urllib.request.Request(self.url(), data=self.post, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.read()
        except OSError as error:
            raise Failed(f"{self.name}, {self.url()}: {error}") from None

    def script(self, more=None):
        more, values = more or (ANY if self.any_of > 1 else "", {})
        headers = dict(self.headers)
        if self.post:
            headers["content-type"] = "application/json"
        text = (SCRIPT + more) % {
            **values,
            "base": self.base,
            "tail": self.tail,
            "first": self.first,
            "any_of": self.any_of,
            "spread": self.spread,
            "method": "POST" if self.post else "GET",
            "headers": "\n".join(f'wrk.headers["{k}"] = "{v}"' for k, v in headers.items()),
            "body": f"wrk.body = [==[{self.post.decode()}]==]" if self.post else "",
        }
        path = WORK / "load.lua"
        path.write_text(text)
        return path


def calls():
    """How often the upstream was asked so far: looked up, read, written."""
    with urllib.request.urlopen(f"http://127.0.0.1:{UPSTREAM}/counts", timeout=10) as answer:
        return json.load(answer)


def run(target, seconds, more=None):
    """Answers, and answers a second as seen."""
    argv = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", target.script(more)]
    argv.append(f"http://127.0.0.1:{target.process.port}")
    out = subprocess.run(list(map(str, argv)), capture_output=True, text=True, check=False).stdout
    done = re.search(r"(\d+) requests in", out)
    if not done or int(done[1]) == 0:
        raise Failed(f"{target.name}: no request was answered\n{out}")
    if refused := re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: .*", out):
        raise Failed(f"{target.name}: {refused[0]}\n{out}")
    return int(done[1]), float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])


def load(target, seconds):
    """Microseconds of CPU a request, requests a second as seen, upstream calls a request, and what was
    resident then."""
    before, asked = target.process.cpu(), calls()
    done, seen = run(target, seconds)
    time.sleep(0.05)
    after, now = target.process.cpu(), calls()
    return {
        "cpu": (after - before) / done / 1e3,
        "seen": seen,
        "resident": target.process.memory()[0],
        "calls": {kind: (now[kind] - asked[kind]) / done for kind in now},
    }


def latency(target, rate, seconds):
    """Microseconds until the end of the answer, at a fixed rate: the half, 99 and 99.9 of a hundred."""
    clients = 16
    addresses = WORK / "addresses.txt"
    addresses.write_text("".join(target.url(n) + "\n" for n in range(max(target.spread, 1))))
    log = WORK / "latency.log"
    log.unlink(missing_ok=True)
    argv = ["taskset", "-c", LOAD_CORE, "h2load", "--h1", f"-c{clients}", "-t1", f"--rps={rate / clients}", f"-D{seconds}"]
    argv += [f"--log-file={log}", "-i", addresses]
    for name, value in target.headers.items():
        argv += ["-H", f"{name}: {value}"]
    asked = calls()
    subprocess.run(list(map(str, argv)), capture_output=True, check=False)
    now = calls()
    rows = [line.split("\t") for line in log.read_text().splitlines()]
    times = sorted(int(row[2]) for row in rows if row[1] == "200")
    if not times or len(times) < len(rows):
        raise Failed(f"{target.name}: {len(times)} of {len(rows)} requests were answered")
    return {
        # Less than 1 where it could not keep up.
        "rate": len(times) / (rate * seconds),
        "p50": times[len(times) // 2],
        "p99": times[len(times) * 99 // 100],
        "p999": times[len(times) * 999 // 1000],
        "calls": sum(now[kind] - asked[kind] for kind in now) / len(times),
    }


def ask_for_all(target):
    """Each of the very many once."""
    asked = 0
    while asked < target.any_of:
        # Those that were under way at the end of a part are asked for again: it counts answers.
        asked += run(target, 5, (ALL, {"asked": asked}))[0]


def idle(target, connections):
    """Bytes of memory for each connection that has had an answer and is kept."""
    for _ in range(50):
        target.get()
    time.sleep(0.5)
    _, before = target.process.memory()
    request = f"GET {target.url()[len('http://127.0.0.1:') + 5:]} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    request += "".join(f"{k}: {v}\r\n" for k, v in target.headers.items()) + "\r\n"
    kept = []
    try:
        for _ in range(connections):
            connection = socket.create_connection(("127.0.0.1", target.process.port), 5)
            kept.append(connection)
            connection.sendall(request.encode())
            read_whole(connection)
        time.sleep(1.0)
        _, after = target.process.memory()
    except OSError as error:
        raise Failed(f"{target.name}: connection {len(kept)} of {connections}: {error}") from None
    finally:
        for connection in kept:
            connection.close()
    return (after - before) / connections


def read_whole(connection):
    """Reads one answer, by its Content-Length or to its last chunk."""
    read = b""
    while b"\r\n\r\n" not in read:
        read += received(connection)
    head, _, body = read.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    while len(body) < int(length[1]) if length else not body.endswith(b"0\r\n\r\n"):
        body += received(connection)


def received(connection):
    part = connection.recv(65536)
    if not part:
        raise OSError("closed")
    return part
