//! Dialects with any number of routes.

use crate::inside::Text;

/// Routes of one file: a mapping file is of limited length.
const TOGETHER: usize = 500;

/// A dialect at `/NAME` with so many routes.
pub(crate) fn dialect(name: &str, routes: usize) -> Vec<Text> {
    let head = format!(
        "language: 1\ndialect: {name}\nsystem: x\nmount: /{name}
credentials: {{ c: {{ default: true, in: {{ header: k }}, yields: {{ kind: agent }} }} }}
errors: {{ default: {{ text: no }} }}\n"
    );
    let route = |index: usize| {
        format!(
            "  r{index}: {{ request: '{}', call: {{ operation: resolve.inbox, path: {{ identifier: x }} }}, reply: {{ empty: true }} }}\n",
            line(index)
        )
    };
    let all: Vec<usize> = (0..routes).collect();
    let files = all.chunks(TOGETHER).enumerate().map(|(number, indices)| {
        let lines: String = indices.iter().map(|index| route(*index)).collect();
        (format!("{name}/routes/part{number}.yaml"), format!("routes:\n{lines}"))
    });
    [(format!("{name}/dialect.yaml"), head)].into_iter().chain(files).collect()
}

/// The request line of a route of [`dialect`].
fn line(index: usize) -> String {
    // As APIs are: a few methods on one address, a few addresses below one object.
    let (object, below) = (index / 5, ["", "/events", "/notes/{note}"]);
    match index % 5 {
        0 => format!("GET /objects{object}"),
        1 => format!("POST /objects{object}"),
        rest => format!("GET /objects{object}/{{id:int}}{}", below.get(rest - 2).unwrap_or(&"")),
    }
}

/// An address that a route of [`dialect`] takes with GET, below its root.
pub(crate) fn address(index: usize) -> String {
    let line = line(index - usize::from(index % 5 == 1));
    line.trim_start_matches("GET ").replace("{id:int}", "418").replace("{note}", "n-7")
}
