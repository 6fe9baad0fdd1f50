//! The compose files: the gateway is reached where Prometheus and clients look for it, and has what
//! its configuration wants.

use super::{SECRETS, at, image, list, load_with, read, seconds, word};
use crate::support::text;

/// Where a bind mount leads: (outside, inside), `ro` left out.
fn mount(text: &str) -> (String, String) {
    let text = text.strip_suffix(":ro").unwrap_or_else(|| panic!("{text} may be written to"));
    let (outside, inside) = text.rsplit_once(':').unwrap();
    (outside.to_owned(), inside.to_owned())
}

#[test]
fn prometheus_and_grafana_find_what_they_look_at() {
    let compose = read("compose.yaml");
    let services: Vec<String> =
        at(&compose, "services").as_map().unwrap().iter().map(|e| e.key.clone()).collect();
    let scrape = read("prometheus/prometheus.yaml");
    let (config, _) = load_with("deskbridge.yaml", SECRETS);
    let target = word(&scrape, "scrape_configs.0.static_configs.0.targets.0");
    assert_eq!(target, format!("deskbridge:{}", config.admin_listen.port()));
    let source =
        word(&read("grafana/provisioning/datasources/prometheus.yaml"), "datasources.0.url");
    assert_eq!(source, "http://prometheus:9090");
    assert_eq!(services, ["deskbridge", "prometheus", "grafana"]);

    // The files that are named lie where the services see them.
    let command = word(&compose, "services.prometheus.command.0");
    let (outside, inside) = mount(&word(&compose, "services.prometheus.volumes.0"));
    let file = command.strip_prefix(&format!("--config.file={inside}")).unwrap();
    text(&format!("deploy/{outside}{file}"));
    let (outside, inside) = mount(&word(&compose, "services.grafana.volumes.1"));
    let home =
        word(&compose, "services.grafana.environment.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH");
    text(&format!("deploy/{outside}{}", home.strip_prefix(&inside).unwrap()));
    let provider = read("grafana/provisioning/dashboards/deskbridge.yaml");
    assert_eq!(word(&provider, "providers.0.options.path"), inside);
    let (_, inside) = mount(&word(&compose, "services.grafana.volumes.0"));
    assert_eq!(inside, "/etc/grafana/provisioning");
}

#[test]
fn the_gateway_is_published_to_this_machine_and_the_admin_port_to_nobody() {
    let compose = read("compose.yaml");
    let (config, _) = load_with("deskbridge.yaml", SECRETS);
    let ports = list(&compose, "services.deskbridge.ports");
    let [port] = ports else { panic!("{ports:?}") };
    let port = port.as_text().unwrap();
    assert!(port.starts_with("${DESKBRIDGE_PUBLISH:-127.0.0.1:"), "{port}");
    assert!(port.ends_with(&format!("}}:{}", config.server.listen.port())), "{port}");
    let grace = config.server.params.grace.as_secs();
    assert!(seconds(&word(&compose, "services.deskbridge.stop_grace_period")) > grace);
    // It ends with 64 where the configuration is wrong, and that mends itself by no restart.
    assert!(word(&compose, "services.deskbridge.restart").starts_with("on-failure:"));
    assert_eq!(word(&compose, "services.deskbridge.read_only"), "true");
    assert_eq!(word(&compose, "services.deskbridge.cap_drop.0"), "ALL");
}

#[test]
fn in_production_it_reads_the_folders_that_are_mounted() {
    let over = read("compose.production.yaml");
    let folder = image::says("WORKDIR");
    let mounts: Vec<(String, String)> = list(&over, "services.deskbridge.volumes")
        .iter()
        .map(|volume| mount(volume.as_text().unwrap()))
        .collect();
    // `:?`: without the variable there is a message, and never an empty folder.
    assert!(mounts.iter().all(|(outside, _)| outside.contains(":?")), "{mounts:?}");
    let inside: Vec<&str> = mounts.iter().map(|(_, inside)| inside.as_str()).collect();
    assert_eq!(inside, [&*folder, SECRETS]);
    let command = at(&over, "services.deskbridge.command").to_json();
    assert_eq!(command, serde_json::json!(["--config", format!("{folder}/deskbridge.yaml")]));
}
