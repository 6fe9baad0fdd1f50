//! The page at `/`: what there is to see here.

use crate::admin::{Page, Version};

const OWN: &[(&str, &str)] = &[
    ("live", "the process answers"),
    ("ready", "requests should come here, or why not"),
    ("serving", "the same without the backends, for orchestrators"),
    ("metrics", "counters and durations, for Prometheus"),
    ("routes", "every route that is served, and what it stands for"),
    ("upstreams", "how the backends are: breaker, retries, the last failure"),
    ("config", "the configuration as it holds, secrets left out"),
    ("version", "what is running"),
];

pub(super) fn page(version: &Version, brought: &[Page]) -> String {
    let mut rows = String::new();
    for (path, what) in OWN {
        rows.push_str(&format!("<li><a href=\"/{path}\">/{path}</a>: {what}</li>\n"));
    }
    for Page { path, about, tell, .. } in brought {
        rows.push_str(&match tell {
            Some(_) => format!("<li><a href=\"{path}\">{path}</a>: {about}</li>\n"),
            None => format!("<li>POST {path}: {about}</li>\n"),
        });
    }
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>deskbridge</title>\n\
         <style>body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 40rem }}</style>\n\
         <h1>deskbridge {}</h1>\n<ul>\n{rows}</ul>\n</html>\n",
        escaped(&version.version)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
