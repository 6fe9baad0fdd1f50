//! One program for each group of variants of the plan, over documents of the members that the twin
//! test generates: `id status t items meta sub raw note messages`.

use super::build::*;
use super::narrowed::narrow;
use crate::mapping::plan::*;

const STATUS: &[(&str, &str, Option<u16>)] =
    &[("\"open\"", "0", None), ("\"closed\"", "1", Some(1)), ("5", "\"five\"", None)];

pub(super) fn all() -> Vec<(&'static str, Program)> {
    vec![
        ("copies", copies()),
        ("presence", presence()),
        ("codecs", codecs(false)),
        ("codecs back", codecs(true)),
        ("tables", tables()),
        ("lenient", lenient()),
        ("objects", objects()),
        ("hollow", hollow(Hollow::Null)),
        ("hollow needed", needed()),
        ("hollow patch", hollow(Hollow::AbsentWhenEmpty)),
        ("filled", filled(Hollow::Null)),
        ("filled patch", filled(Hollow::AbsentWhenEmpty)),
        ("fixed lists", fixed()),
        ("lists", lists()),
        ("sorted lists", sorted()),
        ("nested lists", nested()),
        ("binds", binds()),
        ("unions", unions()),
        ("choices", choices()),
        ("grouped", grouped()),
        ("guarded", guarded()),
        ("relation", relation()),
        ("narrow", narrow()),
        ("indexes", indexes()),
    ]
}

fn copies() -> Program {
    let (mut p, doc, inputs) = Build::new();
    let emit = made(vec![
        ("whole", p.plain(doc, "")),
        ("a/\"b", p.plain(doc, "meta.sub.id")),
        ("deep", p.plain(doc, "meta.sub")),
        ("input", p.plain(inputs, "t")),
        ("object", p.value(doc, "raw", Convert::RawObject, Types::OBJECT)),
        ("list", p.value(doc, "items", Convert::RawList, Types::LIST)),
        ("const", Emit::Const(b(r#"{"a":[1.10]}"#))),
        ("nothing", Emit::Absent),
    ]);
    p.program(emit)
}

fn presence() -> Program {
    let (mut p, doc, inputs) = Build::new();
    let gaps = [
        Gap::Null,
        Gap::Absent,
        Gap::Const(b("0"), Some(0)),
        Gap::Const(b("null"), None),
        Gap::Refuse,
    ];
    let mut members = Vec::new();
    for (n, path) in ["id", "status", "t", "meta", "meta.id"].into_iter().enumerate() {
        let mut op = p.copy(doc, path);
        op.when_null = gaps[n % 5].clone();
        op.when_absent = gaps[(n + 2) % 4].clone();
        op.also_null = bs(&["\"\"", "0", "[]"]);
        op.ignore = bs(&["null", "{}", "\"open\""][..n % 4]);
        op.from.push(p.at(inputs, path));
        op.accept = [Types::ANY, Types::STRING, Types::NUMBER.or(Types::LIST)][n % 3];
        members.push((path, Emit::Value(Box::new(op))));
    }
    let mut op = object(members);
    for (n, member) in op.members.iter_mut().enumerate() {
        member.omit = [Omit::Null, Omit::Empty, Omit::Never][n % 3];
    }
    p.program(Emit::Object(Box::new(op)))
}

fn codecs(decode: bool) -> Program {
    use Codec as C;
    let (mut p, doc, _) = Build::new();
    let mut members = Vec::new();
    for (n, codec) in [
        C::UnixSeconds,
        C::UnixFloat,
        C::Rfc3339Seconds,
        C::Rfc3339Millis,
        C::Rfc3339Micros,
        C::Date,
        C::Alias,
        C::Lower,
        C::NumberText,
        C::IntegerText,
        C::Text,
    ]
    .into_iter()
    .enumerate()
    {
        // Each alone, so that one refusal does not hide the others.
        let path = ["t", "id", "meta.t"][n % 3];
        let convert = Convert::Codec { codec, decode, text: n % 2 == 0 };
        members.push(("k", p.value(doc, path, convert, Types::STRING.or(Types::NUMBER))));
    }
    p.program(made(members))
}

fn tables() -> Program {
    let (mut p, doc, _) = Build::new();
    let mut open = table(STATUS, Some(("2", 2)));
    open.raw = Some(RawBack {
        system: p.at(doc, "raw.id"),
        value: p.at(doc, "raw.t"),
        ours: b("\"open\""),
        back: vec![
            (b("\"closed\""), b("\"open\"")),
            (b("5"), b("5")),
            (b("1.10"), b("\"closed\"")),
        ],
    });
    let strict = table(STATUS, None);
    let emit = made(vec![
        ("raw", p.value(doc, "status", Convert::Enum(Box::new(open)), Types::ANY)),
        ("strict", p.value(doc, "meta.status", Convert::Enum(Box::new(strict)), Types::STRING)),
    ]);
    p.program(emit)
}

fn lenient() -> Program {
    let (mut p, doc, _) = Build::new();
    let seconds = Convert::Codec { codec: Codec::UnixSeconds, decode: true, text: false };
    let emit = made(vec![
        ("integer", p.value(doc, "id", Convert::Copy, Types::INTEGER)),
        ("truth", p.value(doc, "note", Convert::Copy, Types::BOOLEAN)),
        ("number", p.value(doc, "t", Convert::Copy, Types::NUMBER.or(Types::BOOLEAN))),
        ("text", p.value(doc, "status", Convert::Copy, Types::STRING.or(Types::NUMBER))),
        ("seconds", p.value(doc, "meta.t", seconds, Types::INTEGER)),
    ]);
    Program { lenient: true, ..p.program(emit) }
}

fn source(p: &mut Build, scope: Scope, path: &str, when_null: Gap, when_absent: Gap) -> Source {
    Source { at: p.at(scope, path), site: p.site(scope, path), when_null, when_absent }
}

fn objects() -> Program {
    let (mut p, doc, _) = Build::new();
    let mut inner =
        object(vec![("id", p.plain(doc, "meta.id")), ("sub", p.plain(doc, "meta.sub"))]);
    inner.from = Some(source(&mut p, doc, "meta", Gap::Null, Gap::Absent));
    let mut with = object(vec![("id", p.plain(doc, "sub.id"))]);
    with.null_with = Some(p.at(doc, "sub.t"));
    let mut strict = object(vec![]);
    strict.from = Some(source(&mut p, doc, "sub", Gap::Const(b("{}"), Some(3)), Gap::Refuse));
    let mut op = object(vec![
        ("inner", Emit::Object(Box::new(inner))),
        ("with", Emit::Object(Box::new(with))),
        ("strict", Emit::Object(Box::new(strict))),
    ]);
    op.members[2].omit = Omit::Empty;
    p.program(Emit::Object(Box::new(op)))
}

fn hollow(hollow: Hollow) -> Program {
    let (mut p, doc, _) = Build::new();
    let mut ops = Vec::new();
    for path in ["id", "meta.t"] {
        let mut op = p.copy(doc, path);
        op.when_absent = Gap::Absent;
        ops.push(("k", Emit::Value(Box::new(op))));
    }
    let mut inner = object(ops);
    inner.hollow = hollow;
    let mut outer = object(vec![("inner", Emit::Object(Box::new(inner)))]);
    outer.hollow = hollow;
    p.program(Emit::Object(Box::new(outer)))
}

/// A list of one object that has an `id` if it is made at all.
fn needed() -> Program {
    let (mut p, doc, _) = Build::new();
    let id = p.copy(doc, "id");
    let needed = vec![(1, id.site)];
    let mut one = object(vec![("t", p.plain(doc, "t")), ("id", Emit::Value(Box::new(id)))]);
    (one.hollow, one.needed) = (Hollow::Null, needed);
    p.program(Emit::List(vec![Emit::Object(Box::new(one))], Gap::Const(b("[]"), None)))
}

/// Constants around values: they make no object, but stand in it.
fn filled(hollow: Hollow) -> Program {
    let (mut p, doc, _) = Build::new();
    let mut value = p.copy(doc, "id");
    value.when_absent = Gap::Absent;
    let mut inner = object(vec![
        ("state", Emit::Const(b("\"active\""))),
        ("id", Emit::Value(Box::new(value))),
        ("files", Emit::Const(b("[]"))),
    ]);
    inner.hollow = hollow;
    p.program(Emit::Tuple(vec![Emit::Object(Box::new(inner))]))
}

fn fixed() -> Program {
    let (mut p, doc, _) = Build::new();
    let absent = ValueOp { when_absent: Gap::Absent, ..p.copy(doc, "status") };
    let items = vec![p.plain(doc, "id"), Emit::Value(Box::new(absent)), p.plain(doc, "t")];
    p.program(Emit::List(items, Gap::Const(b("[]"), Some(1))))
}

fn lists() -> Program {
    let (mut p, doc, _) = Build::new();
    let (list, item) = p.list(doc, "items", 2);
    let mut skipped = p.copy(item, "id");
    (skipped.when_absent, skipped.when_null) = (Gap::Absent, Gap::Absent);
    let plain = p.each(doc, "items", list, Emit::Value(Box::new(skipped)));
    let element = made(vec![("id", p.plain(item, "id")), ("all", p.plain(item, ""))]);
    let mut some = p.each(doc, "items", list, element);
    some.filter = vec![
        (p.at(item, "status"), Test::Is(bs(&["\"open\"", "5"]))),
        (p.at(item, "id"), Test::Set),
    ];
    some.at_most = Some(2);
    let mut strict = p.copy(item, "id");
    strict.accept = Types::NUMBER;
    let strict = p.each(doc, "items", list, Emit::Value(Box::new(strict)));
    p.program(made(vec![
        ("plain", Emit::Each(Box::new(plain))),
        ("some", Emit::Each(Box::new(some))),
        ("strict", Emit::Each(Box::new(strict))),
    ]))
}

fn sorted() -> Program {
    let (mut p, doc, _) = Build::new();
    let (list, item) = p.list(doc, "items", 2);
    let id = p.at(item, "id");
    let mut members = Vec::new();
    for n in 0..4 {
        let element = p.plain(item, if n == 3 { "" } else { "id" });
        let mut each = p.each(doc, "items", list, element);
        each.sort_by = (n != 1).then_some(id);
        each.reverse = n == 1;
        each.at_most = (n == 1).then_some(2);
        each.take = match n {
            2 => Some(Take::First(Gap::Const(b("\"none\""), Some(2)))),
            3 => Some(Take::Last(Gap::Absent)),
            _ => None,
        };
        each.filter = if n == 3 { vec![(p.at(item, "t"), Test::Unset)] } else { Vec::new() };
        members.push(("k", Emit::Each(Box::new(each))));
    }
    p.program(made(members))
}

fn nested() -> Program {
    let (mut p, doc, _) = Build::new();
    let (list, item) = p.list(doc, "items", 2);
    let (inner, deep) = p.list(item, "items", 3);
    let id = p.at(deep, "id");
    let element = made(vec![
        ("id", p.plain(deep, "id")),
        ("outer", p.plain(item, "id")),
        ("doc", p.plain(doc, "id")),
    ]);
    let mut deep = p.each(item, "items", inner, element);
    deep.sort_by = Some(id);
    deep.reverse = true;
    let mut each = p.each(doc, "items", list, Emit::Each(Box::new(deep)));
    each.reverse = true;
    p.program(Emit::Each(Box::new(each)))
}

fn binds() -> Program {
    let (mut p, doc, inputs) = Build::new();
    let (list, item) = p.list(doc, "items", 2);
    let (others, other) = p.list(inputs, "items", 3);
    let then = made(vec![("t", p.plain(other, "t")), ("own", p.plain(item, "t"))]);
    let find = Bind {
        list: others,
        filter: vec![],
        by: Some((p.at(other, "id"), p.at(item, "id"))),
        guard: vec![],
        then,
        otherwise: None,
    };
    let each = p.each(doc, "items", list, Emit::Bind(Box::new(find)));
    let pick = Bind {
        list,
        filter: vec![(p.at(item, "status"), Test::Is(bs(&["\"closed\"", "\"open\""])))],
        by: None,
        guard: vec![Guard::Is {
            at: p.at(item, "t"),
            allowed: GuardValue::Same(p.at(inputs, "t")),
        }],
        then: p.plain(item, "id"),
        otherwise: Some(Emit::Const(b("\"none\""))),
    };
    let filtered = Bind {
        list,
        filter: vec![(p.at(item, "status"), Test::Set)],
        by: Some((p.at(item, "id"), p.at(inputs, "id"))),
        guard: vec![],
        then: p.plain(item, ""),
        otherwise: Some(Emit::Absent),
    };
    p.program(made(vec![
        ("each", Emit::Each(Box::new(each))),
        ("pick", Emit::Bind(Box::new(pick))),
        ("filtered", Emit::Bind(Box::new(filtered))),
    ]))
}

fn unions() -> Program {
    let (mut p, doc, _) = Build::new();
    let case = |test, emit, event| Case { test, emit, event };
    let union = OneOf {
        from: Some(source(&mut p, doc, "meta", Gap::Null, Gap::Null)),
        by: p.at(doc, "meta.status"),
        site: p.site(doc, "meta.status"),
        cases: vec![
            case(
                Test::Is(bs(&["\"open\"", "5"])),
                made(vec![("id", p.plain(doc, "meta.id"))]),
                None,
            ),
            case(Test::Is(bs(&["\"closed\""])), Emit::Absent, Some(1)),
            case(Test::Absent, p.plain(doc, "meta"), Some(2)),
        ],
        otherwise: None,
    };
    let open = OneOf {
        from: None,
        by: p.at(doc, "status"),
        site: p.site(doc, "status"),
        cases: vec![case(Test::Null, Emit::Const(b("[]")), None)],
        otherwise: Some(p.plain(doc, "status")),
    };
    p.program(made(vec![
        ("union", Emit::OneOf(Box::new(union))),
        ("open", Emit::OneOf(Box::new(open))),
    ]))
}

fn choices() -> Program {
    let (mut p, doc, inputs) = Build::new();
    let mut absent = p.copy(doc, "id");
    absent.when_absent = Gap::Absent;
    let first = Emit::FirstOf(vec![
        Emit::Value(Box::new(absent)),
        p.value(
            doc,
            "t",
            Convert::Codec { codec: Codec::Alias, decode: false, text: false },
            Types::STRING,
        ),
        Emit::Absent,
    ]);
    let (id, status) = (p.at(doc, "id"), p.at(inputs, "status"));
    let emit = Emit::Tuple(vec![
        first,
        Emit::FirstOf(vec![Emit::Absent]),
        Emit::FirstOf(vec![Emit::Const(b("null"))]),
        Emit::All(vec![(id, Test::Set), (status, Test::Unset)]),
        Emit::All(vec![]),
        Emit::WhenSet(id, b("\"User\"")),
        Emit::IsSet(status),
        Emit::Tuple(vec![]),
    ]);
    p.program(emit)
}

fn grouped() -> Program {
    let (mut p, doc, _) = Build::new();
    let (list, item) = p.list(doc, "items", 2);
    let (by, value) = (p.at(item, "status"), p.at(item, "id"));
    p.program(made(vec![
        ("group", Emit::Group { list, by, value }),
        ("join", Emit::Join { list, value: by, separator: "\",\n".into() }),
        ("group self", Emit::Group { list, by: value, value: by }),
    ]))
}

fn guarded() -> Program {
    let (mut p, doc, inputs) = Build::new();
    let (list, item) = p.list(doc, "items", 2);
    let [mut each, mut either] = [(); 2].map(|()| {
        let element = p.plain(item, "id");
        p.each(doc, "items", list, element)
    });
    let is = |at, words: &[&str]| Guard::Is { at, allowed: GuardValue::Words(bs(words)) };
    let same = |at, other| Guard::Is { at, allowed: GuardValue::Same(other) };
    let (t, asked) = (p.at(item, "t"), p.at(inputs, "t"));
    each.guard = vec![is(p.at(item, "status"), &["\"open\"", "\"closed\""]), same(t, asked)];
    each.at_most = Some(1);
    either.guard = vec![Guard::Either(vec![
        vec![is(p.at(item, "status"), &["\"open\""])],
        vec![is(p.at(inputs, "id"), &["\"1\"", "1", "true"]), same(t, asked)],
    ])];
    let mut one = object(vec![("id", p.plain(doc, "id"))]);
    one.guard = vec![same(p.at(doc, "id"), p.at(inputs, "id"))];
    p.program(made(vec![
        ("each", Emit::Each(Box::new(each))),
        ("either", Emit::Each(Box::new(either))),
        ("one", Emit::Object(Box::new(one))),
    ]))
}

fn relation() -> Program {
    let (mut p, doc, inputs) = Build::new();
    let input = |p: &mut Build, path: &str, convert, accept| Input {
        at: p.at(doc, path),
        site: p.site(doc, path),
        convert,
        accept,
        also_null: bs(&["\"\""]),
        missing: (path == "id").then(|| b("null")),
    };
    let seconds = Convert::Codec { codec: Codec::Rfc3339Seconds, decode: false, text: false };
    let words = Convert::Enum(Box::new(table(
        &[("\"open\"", "\"o\"", Some(1)), ("\"closed\"", "\"c\"", None)],
        Some(("\"u\"", 2)),
    )));
    let o = || Test::Is(bs(&["\"o\""]));
    let constant = |json: &str| Write::Const(b(json));
    let row = |tests, writes, event| Row { tests, writes, event };
    let relation = Relation {
        inputs: vec![
            input(&mut p, "status", words, Types::STRING),
            input(&mut p, "id", Convert::Copy, Types::ANY),
            input(&mut p, "t", seconds, Types::STRING),
        ],
        outputs: vec![Output { check: None }, Output { check: None }, Output { check: None }],
        rows: vec![
            row(
                vec![o(), Test::Null, Test::Set],
                vec![constant("\"later\""), Write::Absent, Write::Copy(2)],
                None,
            ),
            row(
                vec![o(), Test::Any, Test::Unset],
                vec![constant("\"now\""), Write::Copy(1), constant("null")],
                Some(0),
            ),
            row(
                vec![Test::Set, Test::Any, Test::Any],
                vec![Write::Copy(0), Write::Copy(1), constant("null")],
                None,
            ),
            row(
                vec![Test::Null, Test::Set, Test::Any],
                vec![constant("\"none\""), Write::Copy(1), Write::Copy(2)],
                Some(3),
            ),
        ],
        site: p.site(doc, "status"),
        raw: Some(RelationRaw {
            output: 0,
            system: p.at(inputs, "status"),
            value: p.at(inputs, "id"),
            ours: b("\"open\""),
            back: vec![
                (
                    vec![Test::Is(bs(&["\"open\"", "5"])), Test::Set, Test::Null],
                    vec![o(), Test::Any, Test::Any],
                ),
                (
                    vec![Test::Any, Test::Any, Test::Is(bs(&["\"2024-05-06T07:08:09Z\""]))],
                    vec![Test::Set, Test::Any, Test::Any],
                ),
                (vec![Test::Set, Test::Any, Test::Any], vec![Test::Any, Test::Set, Test::Any]),
            ],
        }),
    };
    p.relations.push(relation);
    let column = |column| Emit::Column { relation: 0, column };
    p.program(made(vec![("a", column(0)), ("b", column(1)), ("c", column(2)), ("d", column(3))]))
}

fn indexes() -> Program {
    let (mut p, doc, _) = Build::new();
    let (list, item) = p.list(doc, "items", 2);
    let element = p.plain(item, "id");
    let each = p.each(doc, "items", list, element);
    let emit = made(vec![
        ("first", p.plain(doc, "items.0.id")),
        ("third", p.plain(doc, "items.2")),
        ("deep", p.plain(doc, "items.1.items.0")),
        ("each", Emit::Each(Box::new(each))),
    ]);
    p.program(emit)
}
