use proptest::prelude::*;

use super::*;
use crate::canonical::Tenant;
use crate::dialect::catalog::MountSpec;
use crate::dialect::embedded::{CONTRACT, Files};
use crate::syntax::Sources;

/// A dialect whose routes are these request lines.
fn dialect(name: &str, mount: &str, quirks: &str, lines: &[&str]) -> [(String, String); 2] {
    let head = format!(
        "language: 1\ndialect: {name}\nsystem: x\nmount: {mount}\nquirks: {quirks}
credentials: {{ c: {{ default: true, in: {{ header: k }}, yields: {{ kind: agent }} }} }}
errors: {{ default: {{ text: no }} }}\n"
    );
    let mut routes = String::from("routes:\n");
    for (index, line) in lines.iter().enumerate() {
        routes.push_str(&format!(
            "  r{index}: {{ request: '{line}', call: {{ operation: resolve.inbox, path: {{ identifier: x }} }}, reply: {{ empty: true }} }}\n"
        ));
    }
    [(format!("{name}/dialect.yaml"), head), (format!("{name}/routes.yaml"), routes)]
}

fn catalog(dialects: &[[(String, String); 2]], mounts: &[(&str, &str, &str)]) -> Catalog {
    let contract = Files::embedded().read(CONTRACT).unwrap().into_owned();
    let mut texts = vec![(CONTRACT, contract.as_str())];
    texts.extend(dialects.iter().flatten().map(|(path, text)| (path.as_str(), text.as_str())));
    let files = Files::from_texts(texts);
    let spec = |(dialect, host, prefix): &(&str, &str, &str)| MountSpec {
        dialect: (*dialect).into(),
        tenant: Tenant("t".into()),
        host: (*host).into(),
        prefix: Some((*prefix).into()),
    };
    let specs: Vec<MountSpec> = mounts.iter().map(spec).collect();
    let mut sources = Sources::default();
    let (catalog, diagnostics) = Catalog::load(&files, &specs, 1, &mut sources);
    catalog.unwrap_or_else(|| panic!("{}", diagnostics.render(&sources, false)))
}

fn rails() -> Catalog {
    let lines = [
        "GET /c/{number:int}",
        "PATCH /c/{number:int}",
        "GET /c/{number:int}/messages",
        "POST /c/filter",
        "GET /i/{inbox}/contacts/{contact}/c/{number:int}",
        "PUT /whole",
    ];
    let quirks = "{ trailing_slash: ignore, json_suffix: ignore, put_is_patch: true }";
    catalog(&[dialect("rails", "/api/v1", quirks, &lines)], &[("rails", "*", "")])
}

/// `r0 12`, `405 GET HEAD …`, `404`, `malformed` or `-`.
fn told(catalog: &Catalog, host: &str, method: &str, path: &str) -> String {
    match catalog.recognise(host, method, path) {
        Recognition::Route { mount, route, path: values } => {
            let mut text = format!("{}:{}", mount.index, route.name);
            for index in 0..values.len() {
                text.push(' ');
                text.push_str(&values.get(index, path).unwrap());
            }
            text
        }
        Recognition::Method { mount, allow } => format!("{}:405 {}", mount.index, allow.join(" ")),
        Recognition::Nothing { mount, malformed: false } => format!("{}:404", mount.index),
        Recognition::Nothing { mount, malformed: true } => format!("{}:malformed", mount.index),
        Recognition::Unclaimed => "-".into(),
    }
}

#[test]
fn request_lines_are_recognised() {
    let catalog = rails();
    for (method, path, expected) in [
        ("GET", "/api/v1/c/12", "0:r0 12"),
        ("HEAD", "/api/v1/c/12", "0:r0 12"),
        ("PUT", "/api/v1/c/12", "0:r1 12"),
        ("PUT", "/api/v1/whole", "0:r5"),
        ("PATCH", "/api/v1/whole", "0:405 OPTIONS PUT"),
        ("OPTIONS", "/api/v1/c/12", "0:405 GET HEAD OPTIONS PATCH PUT"),
        ("DELETE", "/api/v1/c/12", "0:405 GET HEAD OPTIONS PATCH PUT"),
        ("get", "/api/v1/c/12", "0:405 GET HEAD OPTIONS PATCH PUT"),
        ("GET", "/api/v1/c/12/", "0:r0 12"),
        ("GET", "/api/v1/c/12.json", "0:r0 12"),
        ("GET", "/api/v1/c/12/messages.json", "0:r2 12"),
        ("GET", "/api/v1/c/12//", "0:404"),
        ("GET", "/api/v1/c/.json", "0:malformed"),
        ("POST", "/api/v1/c/filter", "0:r3"),
        ("GET", "/api/v1/c/filter", "0:405 OPTIONS POST"),
        ("GET", "/api/v1/i/demo%2Dinbox/contacts/a%2Fb/c/7", "0:r4 demo-inbox a/b 7"),
        ("GET", "/api/v1/i//contacts/a/c/7", "0:404"),
        ("GET", "/api/v1/nothing", "0:404"),
        ("GET", "/api/v1", "0:404"),
        ("GET", "/api/v1/", "0:404"),
        ("GET", "/api/v12", "-"),
        ("GET", "/", "-"),
        ("GET", "", "-"),
        ("GET", "*", "-"),
    ] {
        assert_eq!(told(&catalog, "any:8080", method, path), expected, "{method} {path}");
    }
}

#[test]
fn values_of_the_wrong_form_are_malformed() {
    let catalog = rails();
    let number = |n: &str| told(&catalog, "h", "GET", &format!("/api/v1/c/{n}"));
    assert_eq!(number("9007199254740991"), "0:r0 9007199254740991");
    for bad in [
        "0",
        "9007199254740992",
        "99999999999999999999999",
        "-1",
        "+1",
        "1.5",
        "007",
        "1e3",
        "abc",
        "٣",
    ] {
        assert_eq!(number(bad), "0:malformed", "{bad}");
    }
    assert_eq!(number("%31"), number("1"), "an encoded digit is that digit");
    let inbox = |i: &str| told(&catalog, "h", "GET", &format!("/api/v1/i/{i}/contacts/c/c/7"));
    assert_eq!(inbox("%C3%BC+%20x"), "0:r4 ü+ x c 7");
    for bad in ["%", "%4", "%zz", "%ff", "%00", "a%0Ab", ".", "..", "%2e%2E"] {
        assert_eq!(inbox(bad), "0:malformed", "{bad}");
    }
}

#[test]
fn without_its_habits_a_dialect_takes_the_exact_address_only() {
    let catalog =
        catalog(&[dialect("plain", "/p", "{}", &["PATCH /c/{n}"])], &[("plain", "*", "")]);
    assert_eq!(told(&catalog, "h", "PATCH", "/p/c/12.json"), "0:r0 12.json");
    assert_eq!(told(&catalog, "h", "PATCH", "/p/c/12/"), "0:404");
    assert_eq!(told(&catalog, "h", "PUT", "/p/c/12"), "0:405 OPTIONS PATCH");
}

#[test]
fn the_named_host_and_then_the_longest_prefix_own_a_path() {
    let dialects = [
        dialect("wide", "/", "{}", &["GET /public/a"]),
        dialect("deep", "/public", "{}", &["GET /a"]),
    ];
    let mounts = [
        ("wide", "*", ""),
        ("deep", "*", ""),
        ("wide", "Desk.example.org", "x"),
        ("deep", "*", "/y"),
        ("deep", "[::1]", ""),
    ];
    let catalog = catalog(&dialects, &mounts);
    assert_eq!(told(&catalog, "other", "GET", "/public/a"), "1:r0");
    assert_eq!(told(&catalog, "other", "GET", "/public/b"), "1:404");
    assert_eq!(told(&catalog, "other", "GET", "/b"), "0:404");
    assert_eq!(told(&catalog, "other", "GET", "/x/public/a"), "0:404");
    assert_eq!(told(&catalog, "desk.EXAMPLE.org:443", "GET", "/x/public/a"), "2:r0");
    assert_eq!(told(&catalog, "other", "GET", "/y/public/a"), "3:r0");
    assert_eq!(told(&catalog, "[::1]:80", "GET", "/public/a"), "4:r0");
    assert_eq!(told(&catalog, "::1", "GET", "/public/a"), "1:r0");
}

#[test]
fn a_value_is_found_where_it_stands_below_a_prefix() {
    let lines = ["GET /{a}/{b}/{c}/{d}/{e:int}"];
    let catalog = catalog(&[dialect("many", "/m", "{}", &lines)], &[("many", "*", "/very/long")]);
    assert_eq!(told(&catalog, "h", "GET", "/very/long/m/1/2/3/4/5"), "0:r0 1 2 3 4 5");
}

proptest! {
    #[test]
    fn any_path_gives_an_answer_and_what_was_encoded_comes_back(
        path in "(/api/v1)?[ -~é%/]{0,40}",
        method in "[A-Z]{0,7}",
        value in "[^\\p{C}]{1,12}",
    ) {
        thread_local!(static CATALOG: Catalog = rails());
        CATALOG.with(|catalog| {
            let _ = told(catalog, &value, &method, &path);
            prop_assume!(value != "." && value != "..");
            let encoded =
                percent_encoding::utf8_percent_encode(&value, percent_encoding::NON_ALPHANUMERIC);
            let path = format!("/api/v1/i/{encoded}/contacts/x/c/1");
            prop_assert_eq!(told(catalog, "h", "GET", &path), format!("0:r4 {} x 1", value));
            Ok(())
        })?;
    }
}

#[test]
fn fixed_members_of_the_query_tell_routes_apart() {
    let lines = [
        "GET /r?type=agent",
        "GET /r?of=a&type=agent",
        "GET /s?type",
        "GET /s?type=account",
        "GET /s",
        "POST /r",
    ];
    let one =
        catalog(&[dialect("x", "/api", "{ trailing_slash: ignore }", &lines)], &[("x", "*", "")]);
    for (method, target, expected) in [
        ("GET", "/api/r?type=agent", "0:r0"),
        ("GET", "/api/r/?page=2&type=%61gent", "0:r0"),
        ("GET", "/api/r?type=agent&of=a", "0:r1"),
        ("GET", "/api/r", "0:404"),
        ("GET", "/api/r?type=account", "0:404"),
        ("GET", "/api/s?type=account", "0:r3"),
        // With any value, but with one.
        ("GET", "/api/s?type=other", "0:r2"),
        ("GET", "/api/s?type=", "0:r4"),
        ("GET", "/api/s?type", "0:r4"),
        ("GET", "/api/s?types=other", "0:r4"),
        ("GET", "/api/s", "0:r4"),
        ("POST", "/api/r", "0:r5"),
        ("DELETE", "/api/r?type=agent", "0:405 GET HEAD OPTIONS POST"),
    ] {
        assert_eq!(told(&one, "h", method, target), expected, "{method} {target}");
    }
}
