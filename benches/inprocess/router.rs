//! What it costs to know a request's route, with few and with many routes, dialects and tenants.

use std::hint::black_box;

use deskbridge::dialect::catalog::Catalog;
use deskbridge::dialect::recognise::Recognition;

use crate::grown::{address, dialect};
use crate::inside::{Text, catalog, mount};
use crate::measure::{Table, Work, in_turn, ratio, shown};
use crate::shipped;

/// Addresses that are asked for in turn, spread over all there are.
const ASKED: usize = 64;
const ROUNDS: u32 = 150;

/// A catalog and what it is asked.
struct Case {
    name: String,
    catalog: Catalog,
    /// (host, address)
    asked: Vec<(String, String)>,
}

pub(crate) fn run() {
    let routes = [10, 100, 2_000].map(of_routes);
    print("routes of one dialect", routes.into_iter().chain([of_all_shipped()]).collect());
    print("dialects, each at a prefix", [1, 10, 100].map(of_dialects).into());
    print("tenants, each at a host", [1, 10, 100, 1_000].map(|n| of_tenants(n, true)).into());
    print("tenants, each at a prefix", [1, 10, 100, 1_000].map(|n| of_tenants(n, false)).into());
}

fn print(title: &str, cases: Vec<Case>) {
    let mut works: Vec<Work<'_>> = Vec::new();
    for Case { name, catalog, asked } in &cases {
        for (host, address) in asked {
            let found = catalog.recognise(host, "GET", address);
            assert!(matches!(found, Recognition::Route { .. }), "{name}: {host}{address}");
        }
        works.push(Box::new(move || {
            for (host, address) in asked {
                black_box(catalog.recognise(black_box(host), "GET", black_box(address)));
            }
        }));
    }
    let took = in_turn(ROUNDS, &mut works);
    let mut table = Table::new(&[title, "a request", "× the first"]);
    let first = took.first().copied().unwrap_or_default();
    for (case, took) in cases.iter().zip(&took) {
        let each = took / ASKED as f64;
        table.row([case.name.clone(), shown(each), ratio(*took, first)]);
    }
    table.print("Router: recognising a request line");
}

/// Numbers below `of`, as far apart as they can be, in no order that a cache likes.
fn spread(of: usize) -> impl Iterator<Item = usize> {
    (0..ASKED).map(move |n| (n * 37 % ASKED) * of / ASKED)
}

fn of_routes(routes: usize) -> Case {
    let asked = spread(routes).map(|n| (String::from("desk.example"), format!("/d{}", address(n))));
    Case {
        name: routes.to_string(),
        asked: asked.collect(),
        catalog: catalog(&dialect("d", routes), &[mount("d", "t", "*", "")]),
    }
}

/// Every shipped dialect at its own address, every route that is asked for with GET.
fn of_all_shipped() -> Case {
    let catalog = shipped::catalog();
    let mut gets = Vec::new();
    for listed in catalog.routes().filter(|listed| listed.method == "GET") {
        let path = listed.template.split('?').next().unwrap_or_default();
        let filled = path.split('/').map(|part| if part.starts_with('{') { "418" } else { part });
        let path = filled.collect::<Vec<_>>().join("/");
        let route = matches!(catalog.recognise("h", "GET", &path), Recognition::Route { .. });
        gets.extend(route.then_some(path));
    }
    let asked =
        spread(gets.len()).filter_map(|n| Some(("desk.example".into(), gets.get(n)?.clone())));
    let (asked, routes) = (asked.collect(), catalog.routes().count());
    Case { name: format!("{routes}, as shipped"), asked, catalog }
}

fn of_dialects(dialects: usize) -> Case {
    let names: Vec<String> = (0..dialects).map(|n| format!("d{n}")).collect();
    let texts: Vec<Text> = names.iter().flat_map(|name| dialect(name, 10)).collect();
    let mounts: Vec<_> = names.iter().map(|name| mount(name, "t", "*", "")).collect();
    let asked = spread(dialects)
        .enumerate()
        .map(|(n, dialect)| ("desk.example".into(), format!("/d{dialect}{}", address(n % 10))));
    Case { name: dialects.to_string(), asked: asked.collect(), catalog: catalog(&texts, &mounts) }
}

fn of_tenants(tenants: usize, by_host: bool) -> Case {
    let place = |n: usize| match by_host {
        true => (format!("tenant-{n}.desk.example"), String::new()),
        false => (String::from("*"), format!("/tenant-{n}")),
    };
    let mounts: Vec<_> = (0..tenants)
        .map(|n| {
            let (host, prefix) = place(n);
            mount("d", &format!("tenant-{n}"), &host, &prefix)
        })
        .collect();
    let asked = spread(tenants).enumerate().map(|(n, tenant)| {
        let (host, prefix) = place(tenant);
        (host.replace('*', "desk.example"), format!("{prefix}/d{}", address(n % 10)))
    });
    Case {
        name: tenants.to_string(),
        asked: asked.collect(),
        catalog: catalog(&dialect("d", 10), &mounts),
    }
}
