"""The processes of the benchmark: how each is started, where it listens, and which part of the machine
it has. Gateways have core 0 and one worker, the upstream and the load have core 1.
"""

import getpass
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ROOT / "target/peers/work"
SHM = pathlib.Path("/dev/shm/deskbridge-bench")
FLOOR = ROOT / "target/peers/floor/release"
UPSTREAM = 19400
GATEWAY_CORE, LOAD_CORE = "0", "1"
MODULES = ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules")

CONFIG = """\
server:
  public_url: https://gateway.example
upstreams:
  main: { kind: canonical, url: "http://127.0.0.1:%d/v1", credential: "${env:BENCH_SECRET}" }
tenants:
  demo: { upstream: main }
mounts:
  - { dialect: public-inbox, tenant: demo }
  - { dialect: account, tenant: demo }
  - { dialect: third-party, tenant: demo }
credentials:
  - { name: agent, secret: "${env:BENCH_AGENT}", tenant: demo, account: "1", actor: "agent:n:2", dialects: [ account ] }
  - { name: bearer, secret: "${env:BENCH_BEARER}", tenant: demo, account: "1", actor: "agent:n:2", dialects: [ third-party ] }
cache: { enabled: %s }
limits: { max_connections_per_address: 10000 }
telemetry: { level: error }
reload: { watch: false }
"""
SECRETS = {"BENCH_SECRET": "a-secret-of-the-bench", "BENCH_AGENT": "bench-agent", "BENCH_BEARER": "bench-bearer"}


class Missing(Exception):
    """Something that must be installed is not."""


class Process:
    """A process that was started, with its children."""

    def __init__(self, name, argv, core, port, environment=None):
        self.name, self.port = name, port
        self.log = WORK / f"{name}.log"
        with open(self.log, "wb") as log:
            self.popen = subprocess.Popen(
                ["taskset", "-c", core, *map(str, argv)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        until = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 0.5).close()
                break
            except OSError:
                if self.popen.poll() is not None or time.monotonic() > until:
                    self.stop()
                    raise Missing(f"{name} did not start:\n{self.log.read_text(errors='replace')[-2000:]}") from None
                time.sleep(0.05)

    def pids(self):
        found, rest = [], [self.popen.pid]
        while rest:
            pid = rest.pop()
            found.append(pid)
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    rest += map(int, pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split())
            except OSError:
                pass
        return found

    def cpu(self):
        """Nanoseconds on a core so far, of all threads."""
        total = 0
        for pid in self.pids():
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    total += int(pathlib.Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
            except OSError:
                pass
        return total

    def memory(self):
        """Resident and proportional memory of all processes, in bytes."""
        rss = pss = 0
        for pid in self.pids():
            try:
                text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            rss += int(re.search(r"^Rss:\s+(\d+)", text, re.M)[1]) * 1024
            pss += int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1]) * 1024
        return rss, pss

    def stop(self):
        for how in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.popen.pid, how)
            except OSError:
                return
            try:
                self.popen.wait(5)
                return
            except subprocess.TimeoutExpired:
                continue


def filled(template, path, port, **more):
    """Writes a peer's configuration with the addresses and folders of this run."""
    triplet = subprocess.run(["gcc", "-print-multiarch"], capture_output=True, text=True, check=False).stdout.strip()
    values = {
        "WORK": WORK, "HERE": HERE, "SHM": SHM, "UPSTREAM": UPSTREAM, "PORT": port, "USER": getpass.getuser(),
        "TRIPLET": triplet or "x86_64-linux-gnu", **more,
    }
    path.write_text(re.sub("@([A-Z]+)@", lambda m: str(values[m[1]]), template.read_text()))


def nginx(kind, port):
    if not shutil.which("nginx"):
        raise Missing("nginx is not installed")
    modules = next((m for m in MODULES if os.path.isdir(m)), MODULES[0])
    needed = {"lua": "ngx_http_lua_module.so", "njs": "ngx_http_js_module.so"}.get(kind)
    if needed and not os.path.exists(f"{modules}/{needed}"):
        raise Missing(f"{modules}/{needed} is not installed")
    filled(HERE / f"nginx/{kind}.conf", WORK / f"nginx-{kind}.conf", port, MODULES=modules)
    return Process(f"nginx-{kind}", ["nginx", "-c", WORK / f"nginx-{kind}.conf"], GATEWAY_CORE, port)


def haproxy(port):
    if not shutil.which("haproxy"):
        raise Missing("haproxy is not installed")
    filled(HERE / "haproxy/gateway.lua", WORK / "haproxy.lua", port)
    filled(HERE / "haproxy/haproxy.cfg", WORK / "haproxy.cfg", port)
    return Process("haproxy", ["haproxy", "-db", "-f", WORK / "haproxy.cfg"], GATEWAY_CORE, port)


def deskbridge(binary, name, port, cache, *more):
    config = WORK / f"{name}.yaml"
    config.write_text(CONFIG % (UPSTREAM, cache))
    argv = [binary, "serve", "--config", config, "--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{port + 50}", *more]
    return Process(name, argv, GATEWAY_CORE, port, SECRETS)


def lasting():
    """The mappings with a contract of which answers are kept for an hour and not for seconds: no
    million can be asked for as quickly."""
    folder = WORK / "mappings"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "mappings", folder)
    contract = folder / "canonical/openapi.yaml"
    contract.write_text(re.sub(r"\bttl: \d+s", "ttl: 1h", contract.read_text()))
    return folder


def upstream():
    return Process("upstream", [FLOOR / "upstream", UPSTREAM, WORK], LOAD_CORE, UPSTREAM)


def floor(port):
    return Process("floor", [FLOOR / "floor", port, UPSTREAM], GATEWAY_CORE, port)


def node(port):
    if not shutil.which("node"):
        raise Missing("node is not installed")
    if not (HERE / "node/node_modules").is_dir():
        raise Missing("the packages of benches/peers/node are not installed")
    return Process("node", ["node", HERE / "node/gateway.mjs", port, UPSTREAM], GATEWAY_CORE, port)
