//! What a request costs in the whole stack, above the wire and below it: with one tenant and with a
//! thousand, with one dialect and with a hundred.

use std::hint::black_box;

use tokio::runtime::Runtime;
use tower::Service;

use crate::inside::{Stack, Text, copied, credential, mount, request, stack};
use crate::measure::{Table, Work, in_turn, ratio, shown};

/// Requests of one round.
const ASKED: usize = 64;

/// A gateway and what it is asked.
struct Case {
    name: String,
    stack: Stack,
    /// (host, address, secret)
    asked: Vec<[String; 3]>,
}

pub(crate) fn run() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let both = |of: &dyn Fn(bool) -> Vec<Case>| [of(true), of(false)];
    let tenants = |own: bool| {
        both(&|cache| [1, 10, 100, 1_000].map(|n| of_tenants(&runtime, n, own, cache)).into())
    };
    print(&runtime, "tenants, a host and a secret each", tenants(true));
    print(&runtime, "tenants of one secret", tenants(false));
    let dialects = |words: Words, tenants: bool| {
        both(&|cache| [1, 10, 100].map(|n| of_dialects(&runtime, n, words, tenants, cache)).into())
    };
    print(&runtime, "dialects, a tenant each", dialects(Words::Own, true));
    print(&runtime, "dialects of one tenant, one object", dialects(Words::Own, false));
    print(&runtime, "copies of one dialect, a tenant each", dialects(Words::Same, true));
}

/// `cases`: with the cache, and without.
fn print(runtime: &Runtime, title: &str, cases: [Vec<Case>; 2]) {
    let [hits, translated] = cases;
    let mut works: Vec<Work<'_>> = Vec::new();
    for Case { stack, asked, .. } in hits.iter().chain(&translated) {
        let mut stack = stack.clone();
        works.push(Box::new(move || {
            runtime.block_on(async {
                for asked in asked {
                    black_box(stack.call(request(asked)).await).ok();
                }
            });
        }));
    }
    let took = in_turn(60, &mut works);
    let heads = [title, "a hit", "× the first", "translated", "× the first"];
    let mut table = Table::new(&heads);
    let (first, second) = took.split_at(hits.len());
    for ((case, hit), translated) in hits.iter().zip(first).zip(second) {
        let mut cells = vec![case.name.clone()];
        for (time, first) in [(hit, first[0]), (translated, second[0])] {
            cells.extend([shown(time / ASKED as f64), ratio(*time, first)]);
        }
        table.row(cells);
    }
    table.print("The whole stack, in process");
}

/// Each tenant at a host of its own, with a credential that has a secret of its own or that of all.
fn of_tenants(runtime: &Runtime, tenants: usize, own_secret: bool, cache: bool) -> Case {
    let host = |n: usize| format!("tenant-{n}.desk.example");
    let secret = |n: usize| if own_secret { format!("secret-{n}") } else { "secret".to_owned() };
    let mounts: Vec<_> =
        (0..tenants).map(|n| mount("account", &format!("tenant-{n}"), &host(n), "")).collect();
    let credentials = (0..tenants).map(|n| credential(n, &secret(n))).collect();
    let asked = spread(tenants)
        .map(|n| [host(n), "/api/v1/accounts/1/conversations/418".to_owned(), secret(n)]);
    let texts = copied("account", "account");
    let stack = stack(&texts, &mounts, credentials, cache);
    case(runtime, tenants, stack, asked.collect(), cache)
}

/// Copies of one shipped dialect, each at a prefix of its own, for a tenant of its own or one of all.
fn of_dialects(
    runtime: &Runtime,
    dialects: usize,
    words: Words,
    own_tenant: bool,
    cache: bool,
) -> Case {
    let names: Vec<String> = (0..dialects).map(|n| format!("vendor-{n}")).collect();
    let mut texts: Vec<Text> = names.iter().flat_map(|name| copied("third-party", name)).collect();
    if words == Words::Own {
        let records = texts.iter_mut().filter(|(path, _)| path.ends_with("/records.yaml"));
        records.enumerate().for_each(|(n, (_, text))| *text = differing(text, n));
    }
    let tenant = |n: usize| if own_tenant { format!("tenant-{n}") } else { "tenant-0".to_owned() };
    let mounts = names.iter().enumerate();
    let mounts: Vec<_> =
        mounts.map(|(n, name)| mount(name, &tenant(n), "*", &format!("/{name}"))).collect();
    let credentials = (0..dialects).take(if own_tenant { dialects } else { 1 });
    let credentials = credentials.map(|n| credential(n, "secret")).collect();
    let asked = spread(dialects).map(|n| {
        let address = format!("/vendor-{n}/third-party/v1/conversations/418");
        ["desk.example".to_owned(), address, "secret".to_owned()]
    });
    let stack = stack(&texts, &mounts, credentials, cache);
    case(runtime, dialects, stack, asked.collect(), cache)
}

/// Whether dialects are alike. What is alike is kept once, so copies tell little of vendors.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Words {
    Own,
    Same,
}

/// The `n`th dialect's own: its programs read and write something that no other's do.
fn differing(records: &str, n: usize) -> String {
    let (before, dropped) = ("      reply_possible: ", "          - $.custom_attributes\n");
    assert!(records.matches(before).count() == 1 && records.matches(dropped).count() == 1);
    let own = format!("      of_{n}: $.custom_attributes.of_{n}\n{before}");
    records.replace(before, &own).replace(dropped, "")
}

/// Numbers below `of`, in no order.
fn spread(of: usize) -> impl Iterator<Item = usize> {
    (0..ASKED).map(move |n| (n * 37 % ASKED) * of / ASKED)
}

/// What is asked is answered, and from the cache where there is one.
fn case(
    runtime: &Runtime,
    many: usize,
    mut stack: Stack,
    asked: Vec<[String; 3]>,
    cache: bool,
) -> Case {
    for again in [false, true] {
        for one in &asked {
            let answer = runtime.block_on(stack.call(request(one))).unwrap();
            let status = answer.headers()["cache-status"].to_str().unwrap();
            assert!(answer.status().is_success(), "{one:?}: {}", answer.status());
            assert!(!again || status.contains("; hit") == cache, "{one:?}: {status}");
        }
    }
    Case { name: many.to_string(), stack, asked }
}
