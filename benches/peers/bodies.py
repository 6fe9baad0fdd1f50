"""The bodies of the benchmark, grown from the rich conversation of the contract's examples.

Nothing is invented but texts: members, kinds of messages, attachments and senders are the example's.
A conversation of 60 KB has every one of its messages and then a long talk; one of 10 KB has what was
said to and by the contact, with a picture; the smallest that the contract allows, with one message, is
a little over 3 KB, and stands for 2 KB.
"""

import copy
import json
import pathlib

TALK = [
    "Hello, the parcel of my last order has not arrived yet and the tracking page has shown no movement since Tuesday.",
    "Thanks for writing. I see that it left our house on the 4th; the carrier has not scanned it since.\nCould you tell me "
    "whether the address \"Calle Mayor 12, 46001 Valencia\" is still right?",
    "Sí, la dirección es correcta. El portero está todos los días hasta las 20:00 — también pueden llamarme 📞.",
    "I have asked the carrier to look for it. They answer within two working days; if it is lost we send another one at once, "
    "and you need not pay for the first. You will get a mail with the new number as soon as there is one.",
    "ok 👍",
    "One more thing: the invoice says 1.10 where the shop said 0.99. It is not much, but our accounting wants both to be the "
    "same, and they close the month on Friday. Is there somebody who can look at it before then?",
    "Of course. The difference is the fee for the card; I have taken it off and the corrected invoice is on its way.",
]


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def message(pattern, number, text, conversation):
    """One more of the same kind, with another number and text."""
    made = copy.deepcopy(pattern)
    made.update(
        id=f"msg_{number}", number=number, sequence=number, conversation_id=conversation["id"], conversation_number=conversation["number"]
    )
    if text is not None:
        made["body"]["text"] = text
        made["blocks"] = [{"type": "text", "text": text}]
    return made


def conversation(rich, number, numbers, until):
    """The example's messages of these numbers, and then talk until the body is about so long."""
    made = copy.deepcopy(rich)
    own = {m["number"]: m for m in rich["messages"]}
    made.update(id=f"cnv_{number}", number=number)
    made["messages"] = [message(own[n], n, None, made) for n in numbers]
    for embedded in ("last_message", "last_inbound_message", "last_note"):
        made.pop(embedded, None)
    turn = 0
    while len(compact(made)) + 900 < until:
        pattern = own[5001] if turn % 2 == 0 else own[5003]
        made["messages"].append(message(pattern, 6000 + turn, TALK[turn % len(TALK)], made))
        turn += 1
    made["message_count"] = len(made["messages"])
    return made


def smallest(rich, bare, number):
    """The bare conversation with the contact's name and address, and one message; nothing embedded besides."""
    made = copy.deepcopy(bare)
    made.update(id=f"cnv_{number}", number=number, status="open", snooze=None, message_count=1)
    for embedded in ("inbox", "contact_identity", "assignee", "last_message", "last_inbound_message", "last_note"):
        made.pop(embedded, None)
    made["contact"].update({k: rich["contact"][k] for k in ("name", "first_name", "last_name", "email", "phone_number", "identifier")})
    made["contact"]["blocked"] = False
    own = {m["number"]: m for m in rich["messages"]}
    first = message(own[5001], 5001, TALK[0], made)
    first["reactions"] = []
    made["messages"] = [first]
    return made


def contact(example):
    """A small answer, of which there can be as many as one likes: `@` stands for the number."""
    return compact({**example, "id": "cnt_@", "number": "@"}).replace(b'"@"', b"@")


def stand_in():
    """A conversation of an invented shape, about 10 KB, nearly all of which a client is told: the kind
    of body for which the cost of nginx and Lua is known. Only the check of a run uses it."""
    person = {
        "key": "902", "accountKey": "1", "firmKey": "4", "name": {"full": "Mira Solano", "last": "Solano", "middle": "Inés"},
        "mail": "mira.solano@example.org", "phone": "+34611223344", "reference": "crm-88121", "barred": False,
        "facts": {"city": "Valencia", "browser": {"name": "Firefox", "version": "121"}}, "fields": {"plan": "gold", "seats": 12},
        "type": "customer", "country": "ES", "activeAt": "2026-05-11T14:02:09.701Z", "madeAt": "2026-03-02T08:15:27.418Z",
        "changedAt": "2026-05-11T14:02:09.733Z", "town": "Valencia", "labels": ["vip", "iberia"], "inner": {"revision": "c7"},
    }
    by = {
        "key": "902", "fullName": "Mira Solano", "picture": "https://files.example.org/avatars/mira.png",
        "preview": "https://files.example.org/avatars/mira_64.png", "role": "customer", "shownName": "Mira", "presence": "online",
        "mail": "mira.solano@example.org", "phone": "+34611223344", "reference": "crm-88121", "barred": False,
        "facts": {"city": "Valencia"}, "fields": {"plan": "gold", "seats": 12}, "about": None, "madeAt": "2026-03-02T08:15:27.418Z",
    }
    said = []
    for turn in range(10):
        key = str(7000 + turn)
        file = {
            "key": str(60 + turn), "messageKey": key, "accountKey": "1", "what": "picture", "ending": "png",
            "address": f"https://files.example.org/blobs/0a1b2c3d/file_{turn}.png",
            "preview": f"https://files.example.org/blobs/0a1b2c3d/thumb_{turn}.png", "bytes": 18234 + turn, "wide": 1080, "high": 720,
            "place": None, "title": None, "more": {"scanned": True}, "words": None, "inner": "b",
        }
        said.append({
            "key": key, "talkKey": "418", "way": "in" if turn % 2 else "out", "words": TALK[turn % len(TALK)], "wordsType": "text",
            "wordsFacts": {"in_reply_to": 7000}, "madeAt": "2026-05-11T14:00:12.000Z", "files": [file] if turn < 4 else [],
            "by": {**by, "role": "customer" if turn % 2 else "staff"}, "inner": {"revision": "m1"},
        })
    return {
        "key": "418", "uuid": "0f6d9c0e-1c5a-4c53-8d5e-5b8d1f1f7a10", "boxKey": "12", "state": "active", "inner": {"revision": "r1"},
        "customerSawAt": "2026-05-11T14:04:05.999Z", "staffSawAt": "2026-05-11T14:01:31.000Z", "said": said, "customer": person,
    }


def write(root: pathlib.Path, folder: pathlib.Path):
    """Writes what the upstream answers, and what is posted. Returns the sizes of the conversations."""
    examples = root / "mappings/canonical/examples"
    rich = json.loads((examples / "conversation.rich.json").read_text())
    bare = json.loads((examples / "conversation.bare.json").read_text())
    every = [m["number"] for m in rich["messages"]]
    made = {
        2: smallest(rich, bare, 2000),
        10: conversation(rich, 10000, [5001, 5002, 5003], 10_500),
        60: conversation(rich, 60000, every, 60_500),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for size, body in made.items():
        (folder / f"conversation.{size}.json").write_bytes(compact(body))
    (folder / "conversation.9.json").write_bytes(compact(stand_in()))
    created = message(next(m for m in rich["messages"] if m["number"] == 5001), 7001, TALK[5], made[10])
    created.update(client_reference="w-77", reactions=[])
    (folder / "created.json").write_bytes(compact(created))
    (folder / "contact.json").write_bytes(contact(json.loads((examples / "contact.customer.json").read_text())))
    (folder / "inbox.json").write_bytes(compact({"id": "inb_2Rt", "account_id": "1"}))
    identity = {"id": "idn_5Qw", "contact_id": "cnt_9Zk", "inbox_id": "inb_2Rt", "source_id": "co", "verified": False}
    (folder / "identities.json").write_bytes(compact({"data": [identity]}))
    (folder / "post.json").write_bytes(compact({"content": TALK[5], "echo_id": "w-77"}))
    return {size: len(compact(body)) for size, body in made.items()}
