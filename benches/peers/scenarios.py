"""What is asked of whom. The same bytes come from the same upstream, for everybody."""

import peers
from measure import Target

PUBLIC = "/public/api/v1/inboxes/in/contacts/co/conversations/{n}"
ACCOUNT = "/api/v1/accounts/1/conversations/{n}"
THIRD = "/third-party/v1/conversations/{n}"
V1 = "/v1/accounts/1/conversations/n:{n}"
AGENT = {"api_access_token": peers.SECRETS["BENCH_AGENT"]}
BEARER = {"authorization": f"Bearer {peers.SECRETS['BENCH_BEARER']}"}
CONTACT = "/api/v1/accounts/1/contacts/{n}"
SIZES = (2, 10, 60)
MANY = 1_000_000


class Gateways:
    """Every process that is measured. `names` leaves some of them out."""

    START = {
        "floor": lambda binary: peers.floor(19401),
        "nginx": lambda binary: peers.nginx("plain", 19402),
        "lua": lambda binary: peers.nginx("lua", 19403),
        "njs": lambda binary: peers.nginx("njs", 19404),
        "node": lambda binary: peers.node(19405),
        "haproxy": lambda binary: peers.haproxy(19406),
        "off": lambda binary: peers.deskbridge(binary, "deskbridge-off", 19410, "false"),
        "on": lambda binary: peers.deskbridge(binary, "deskbridge-on", 19411, "true"),
    }

    def __init__(self, binary, names=None):
        self.running = {}
        try:
            for name, start in self.START.items():
                if names is None or name in names:
                    self.running[name] = start(binary)
        except BaseException:
            self.stop()
            raise

    def __contains__(self, name):
        return name in self.running

    def __getitem__(self, name):
        return self.running[name]

    def stop(self):
        for process in self.running.values():
            process.stop()


def passed(gateways, size):
    """Passed through as it is."""
    first = size * 1000
    names = {"floor": "hyper floor", "nginx": "nginx", "node": "node", "haproxy": "HAProxy"}
    return [Target(title, gateways[name], V1, first) for name, title in names.items() if name in gateways]


def stand_in(gateways):
    """The work by which a run is checked: an invented body, passed through and translated by Lua."""
    made = []
    if "floor" in gateways:
        made.append(Target("hyper floor", gateways["floor"], V1, 9000))
    if "lua" in gateways:
        made.append(Target("nginx + Lua", gateways["lua"], "/stand-in/{n}", 9000))
    return made


def translated(gateways, size):
    """A conversation to the public inbox. deskbridge's backend says `no-store` of it, so it is asked
    every time, while the two look-ups of who is asking are remembered: one call, as everybody's."""
    first, unkept = size * 1000, (100 + size) * 1000
    made = []
    if "on" in gateways:
        made.append(Target("deskbridge", gateways["on"], PUBLIC, unkept))
    if "off" in gateways:
        made += [
            Target("deskbridge, account API, no cache", gateways["off"], ACCOUNT, first, AGENT, other=True),
            Target("deskbridge, no cache: 3 calls", gateways["off"], PUBLIC, first),
        ]
    names = {
        "floor": "hyper + serde_json::Value", "lua": "nginx + Lua", "njs": "nginx + njs", "node": "node", "haproxy": "HAProxy + Lua",
    }
    made += [Target(title, gateways[name], PUBLIC, first) for name, title in names.items() if name in gateways]
    return made


def hit(gateways, size):
    """The translated answer, from memory or, with nginx, tmpfs."""
    first, path = size * 1000, f"/hit/{size}"
    made = []
    if "floor" in gateways:
        made.append(Target("hyper + moka", gateways["floor"], path))
    if "nginx" in gateways:
        made.append(Target("nginx proxy_cache", gateways["nginx"], path))
    if "on" in gateways:
        on = gateways["on"]
        made += [
            Target("deskbridge", on, PUBLIC, first, one=True),
            Target("deskbridge, account API", on, ACCOUNT, first, AGENT, one=True, other=True),
            Target("deskbridge, third-party API", on, THIRD, first, BEARER, one=True, other=True),
        ]
    return made


def posted(gateways, body):
    """A message to a conversation: the conversation is read, as the answer tells of its contact."""
    path = PUBLIC + "/messages"
    names = {
        "on": "deskbridge", "floor": "hyper + serde_json::Value", "lua": "nginx + Lua", "njs": "nginx + njs", "node": "node",
        "haproxy": "HAProxy + Lua",
    }
    first = {"on": 110_000}
    made = [Target(t, gateways[n], path, first.get(n, 10_000), post=body) for n, t in names.items() if n in gateways]
    if "lua" in gateways:
        made.append(Target("nginx + Lua, unguarded", gateways["lua"], "/unguarded/{n}/messages", 10_000, post=body, other=True))
    return made


def at_a_rate(gateways):
    """Whose latency is measured: 10 KB."""
    made = []
    if "floor" in gateways:
        made.append(Target("hyper floor", gateways["floor"], V1, 10_000))
    if "on" in gateways:
        made.append(Target("deskbridge", gateways["on"], PUBLIC, 110_000))
        made.append(Target("deskbridge, hit", gateways["on"], PUBLIC, 10_000, one=True))
    if "nginx" in gateways:
        made.append(Target("nginx proxy_cache, hit", gateways["nginx"], "/hit/10"))
    if "lua" in gateways:
        made.append(Target("nginx + Lua", gateways["lua"], PUBLIC, 10_000))
    return made


def many(binary, entries):
    """A gateway with room for so many answers."""
    port = 19412 if entries == 1 else 19413
    more = ("--mappings", peers.lasting())
    return peers.deskbridge(binary, f"deskbridge-of-{entries}", port, "true, max_bytes: 8GiB", *more)


def one_of(process, entries):
    """A small answer from memory: one of so many, and there are no others."""
    return Target(f"{entries:,}", process, CONTACT, 1, AGENT, one=entries == 1, other=True, any_of=entries)


# Whose memory is measured, and as what.
IDLE = {"floor": "hyper floor", "nginx": "nginx", "lua": "nginx + Lua", "node": "node", "on": "deskbridge"}
# The same by the names of the processes.
MEMORY = {
    "floor": "hyper floor", "nginx-plain": "nginx", "nginx-lua": "nginx + Lua", "nginx-njs": "nginx + njs", "node": "node",
    "haproxy": "HAProxy", "deskbridge-on": "deskbridge", "deskbridge-off": "deskbridge without a cache",
}


def kept(gateways, name):
    """What is asked once on each connection that is kept: 10 KB, passed through or, of deskbridge, a hit
    after the first."""
    if name == "on":
        return Target("deskbridge", gateways[name], PUBLIC, 10_000, one=True)
    return Target(IDLE[name], gateways[name], V1, 10_000, one=True)
