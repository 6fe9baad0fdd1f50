"""Whether two answers say the same. Peers that cannot say it are told of, by what they lose."""

import json


class Different(Exception):
    """An answer that says something else than deskbridge's."""


def differences(want, got, at="$"):
    """What a peer's JSON library loses, by name; raises what is none of it."""
    if want == got and type(want) is type(got):
        return set()
    if want == [] and got == {}:
        return {"an empty list is written as an empty object"}
    numbers = (int, float)
    if isinstance(want, numbers) and isinstance(got, numbers) and not isinstance(want, bool) and not isinstance(got, bool):
        if want == got:
            return set()
        if isinstance(want, int) and abs(want) > 10**14 and abs(want - got) <= abs(want) * 1e-13:
            return {"integers of more than 14 to 16 digits are rounded"}
    if isinstance(want, dict) and isinstance(got, dict):
        if want.keys() != got.keys():
            raise Different(f"{at}: {sorted(want.keys() ^ got.keys())} on one side only")
        return set().union(*(differences(want[k], got[k], f"{at}.{k}") for k in want))
    if isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
        return set().union(*(differences(w, g, f"{at}[{i}]") for i, (w, g) in enumerate(zip(want, got))))
    raise Different(f"{at}: {json.dumps(want)[:200]} became {json.dumps(got)[:200]}")


def same(name, want, got):
    """The names of what is lost; raises where more than that differs."""
    try:
        got = json.loads(got)
    except ValueError as error:
        raise Different(f"{name}: no JSON: {error}") from None
    try:
        return differences(json.loads(want), got)
    except Different as error:
        raise Different(f"{name}: {error}") from None
