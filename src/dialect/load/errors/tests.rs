use crate::canonical::problem::{Problem, ProblemCode};
use crate::dialect::envelope::EnvelopeBody;
use crate::dialect::load::tests::{good, load_routes, route, simple};
use crate::syntax::Code;

fn with(rows: &str) -> String {
    simple(&format!("    reply: {{ empty: true }}\n    errors: {rows}\n"))
}

#[test]
fn a_route_has_rows_of_its_own_and_the_others_of_its_dialect() {
    let catalog = good(&with(
        "{ not_found: { status: 422, empty: true }, unauthorized.missing: { body: { error: gone } } }",
    ));
    let own = &route(&catalog, "one").envelopes;
    let row = own.find(&Problem::new(ProblemCode::NotFound)).unwrap();
    assert_eq!(row.status, Some(422));
    assert!(matches!(&row.body, EnvelopeBody::Constant(b, "application/json") if b.is_empty()));
    assert!(own.find(&Problem::new(ProblemCode::Unauthorized).cause("missing")).is_some());
    // What it does not say is for the dialect to say.
    assert!(own.find(&Problem::new(ProblemCode::Unauthorized).cause("invalid")).is_none());
    assert!(own.find(&Problem::new(ProblemCode::Internal)).is_none());
}

#[test]
fn rows_that_are_none_or_can_never_be_used_are_told_where_they_stand() {
    for (rows, code, underlined) in [
        ("{ malformed_json: { body: {} } }", Code::DeadErrorRow, "malformed_json"),
        ("{ conflict: { body: {} } }", Code::DeadErrorRow, "conflict"),
        ("{ not_found.route: { body: {} } }", Code::DeadErrorRow, "not_found.route"),
        ("{ method_not_allowed: { body: {} } }", Code::DeadErrorRow, "method_not_allowed"),
        ("{ not_fuond: { body: {} } }", Code::UnknownWord, "not_fuond"),
        ("{ not_found.lost: { body: {} } }", Code::UnknownWord, "not_found.lost"),
        ("{ not_found: { status: 200, body: {} } }", Code::WrongType, "200"),
        ("{ not_found: { body: {}, empty: true } }", Code::MissingKey, "not_found"),
        ("{}", Code::WrongType, "{"),
    ] {
        let (sources, _, diagnostics) = load_routes(&with(rows));
        let told: Vec<_> =
            diagnostics.iter().map(|d| (d.code, sources.slice(d.span).to_owned())).collect();
        assert_eq!(told, [(code, underlined.to_owned())], "{rows}");
    }
}
