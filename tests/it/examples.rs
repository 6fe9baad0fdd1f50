//! The examples beside the embedded mappings, all of them.

use deskbridge::dialect::catalog::Catalog;
use deskbridge::dialect::embedded::Files;
use deskbridge::examples;
use deskbridge::syntax::Sources;

#[tokio::test]
async fn every_example_of_the_embedded_mappings_comes_out_as_written() {
    let files = Files::embedded();
    let mut sources = Sources::default();
    let (catalog, mut diagnostics) = Catalog::load_all(&files, &mut sources);
    let catalog = catalog.unwrap_or_else(|| panic!("{}", diagnostics.render(&sources, false)));
    let written =
        files.paths().filter(|p| p.contains("/examples/") && p.ends_with(".yaml")).count();
    let count = examples::run(catalog, &files, &mut sources, &mut diagnostics).await;
    // Warnings, too: a route without an example is one.
    assert!(diagnostics.is_empty(), "{}", diagnostics.render(&sources, false));
    assert_eq!((count.passed, count.failed), (written, 0));
    assert!(written >= 60, "only {written}");
}
