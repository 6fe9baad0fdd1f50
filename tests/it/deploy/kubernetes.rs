//! The kustomize base and its example: what must agree, and a pod's folders as the kubelet makes them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use deskbridge::app;
use deskbridge::config::Config;
use deskbridge::dialect::catalog::Catalog;
use deskbridge::dialect::embedded::Files;
use deskbridge::syntax::{Node, Sources};

use super::{SECRETS, at, image, list, load_with, read, seconds, word};
use crate::support::gateway::Gateway;
use crate::support::text;

const BASE: &str = "kustomize/base";
const EXAMPLE: &str = "kustomize/example";

fn base(file: &str) -> Node {
    read(&format!("{BASE}/{file}.yaml"))
}

fn configured(folder: &str) -> Config {
    load_with(&format!("{folder}/deskbridge.yaml"), SECRETS).0
}

/// The element of a list that has this name.
fn named<'n>(node: &'n Node, way: &str, name: &str) -> &'n Node {
    let found = list(node, way).iter().find(|item| word(item, "name") == name);
    found.unwrap_or_else(|| panic!("nothing in {way} is named {name}"))
}

#[test]
fn every_file_of_a_folder_is_one_of_its_resources() {
    for folder in [BASE, EXAMPLE, "kustomize/prometheus-operator"] {
        let kustomization = read(&format!("{folder}/kustomization.yaml"));
        let said = kustomization.to_json().to_string();
        for entry in fs::read_dir(Path::new("deploy").join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let known = name == "kustomization.yaml" || name == "mappings";
            assert!(known || said.contains(&format!("\"{name}\"")), "{folder}/{name} is not named");
        }
    }
}

#[test]
fn labels_and_selectors_are_the_same_everywhere() {
    let deployment = base("deployment");
    let labels = at(&deployment, "spec.template.metadata.labels").to_json();
    let spread = list(&deployment, "spec.template.spec.topologySpreadConstraints");
    let mut selectors: Vec<_> =
        spread.iter().map(|s| at(s, "labelSelector.matchLabels").to_json()).collect();
    selectors.push(at(&deployment, "spec.selector.matchLabels").to_json());
    selectors.push(at(&base("service"), "spec.selector").to_json());
    selectors.push(at(&base("disruption-budget"), "spec.selector.matchLabels").to_json());
    selectors.push(at(&base("network-policy"), "spec.podSelector.matchLabels").to_json());
    let monitor = read("kustomize/prometheus-operator/pod-monitor.yaml");
    selectors.push(at(&monitor, "spec.selector.matchLabels").to_json());
    assert_eq!(selectors.len(), 7);
    assert!(selectors.iter().all(|selector| *selector == labels), "{labels}: {selectors:?}");
    // What gives the job its name, for the alerts.
    assert_eq!(labels[&*word(&monitor, "spec.jobLabel")], "deskbridge");
}

#[test]
fn ports_are_those_of_the_configuration() {
    let deployment = base("deployment");
    let pod = at(&deployment, "spec.template.spec.containers.0");
    for folder in [BASE, EXAMPLE] {
        let config = configured(folder);
        for (name, address) in [("http", config.server.listen), ("admin", config.admin_listen)] {
            assert!(address.ip().is_unspecified(), "{address}: nobody reaches it in a pod");
            let port = word(named(pod, "ports", name), "containerPort");
            assert_eq!(port, address.port().to_string());
        }
        let annotations = "spec.template.metadata.annotations";
        let admin = at(&deployment, annotations).get("prometheus.io/port").unwrap();
        assert_eq!(admin.as_text().unwrap(), config.admin_listen.port().to_string());
    }
    // The service has clients' port and no other; of the admin port Prometheus alone is let in.
    let service = base("service");
    let [port] = list(&service, "spec.ports") else { panic!("more than one port") };
    assert_eq!(word(port, "targetPort"), "http");
    let policy = base("network-policy");
    for rule in list(&policy, "spec.ingress") {
        let port = word(rule, "ports.0.port");
        assert_eq!(rule.get("from").is_some(), port == "admin", "{port}");
    }
    let from = at(&policy, "spec.ingress.1.from.0").to_json();
    let prometheus = &from["podSelector"]["matchLabels"]["app.kubernetes.io/name"];
    assert_eq!(prometheus, "prometheus");
}

#[tokio::test]
async fn probes_ask_what_the_admin_listener_answers() {
    let deployment = base("deployment");
    let pod = at(&deployment, "spec.template.spec.containers.0");
    let gateway = Gateway::sandbox().await;
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        assert_eq!(word(pod, &format!("{probe}.httpGet.port")), "admin");
        let path = word(pod, &format!("{probe}.httpGet.path"));
        gateway.admin().get(&path, &[]).await.expect(200);
    }
    let monitor = read("kustomize/prometheus-operator/pod-monitor.yaml");
    let endpoint = at(&monitor, "spec.podMetricsEndpoints.0");
    assert_eq!(word(endpoint, "port"), "admin");
    gateway.admin().get(&word(endpoint, "path"), &[]).await.expect(200);
}

#[test]
fn a_pod_has_time_room_and_rights_enough_and_no_more() {
    let deployment = base("deployment");
    let spec = at(&deployment, "spec.template.spec");
    let pod = at(spec, "containers.0");
    let pause = seconds(&word(pod, "lifecycle.preStop.sleep.seconds"));
    let memory = word(pod, "resources.limits.memory");
    let memory: u64 = memory.strip_suffix("Mi").unwrap().parse().unwrap();
    for folder in [BASE, EXAMPLE] {
        let config = configured(folder);
        let grace = config.server.params.grace.as_secs();
        assert!(seconds(&word(spec, "terminationGracePeriodSeconds")) > pause + grace);
        assert!(memory << 20 >= 2 * config.cache.max_bytes);
    }
    let user = image::says("USER");
    let (user, group) = user.split_once(':').unwrap();
    assert_eq!(word(spec, "securityContext.runAsUser"), user);
    for key in ["runAsGroup", "fsGroup"] {
        assert_eq!(word(spec, &format!("securityContext.{key}")), group);
    }
    for (way, is) in [
        ("securityContext.allowPrivilegeEscalation", "false"),
        ("securityContext.readOnlyRootFilesystem", "true"),
        ("securityContext.capabilities.drop.0", "ALL"),
    ] {
        assert_eq!(word(pod, way), is, "{way}");
    }
    assert_eq!(word(spec, "automountServiceAccountToken"), "false");
}

#[test]
fn volumes_are_folders_where_the_configuration_looks() {
    let deployment = base("deployment");
    let spec = at(&deployment, "spec.template.spec");
    let mounts = list(spec, "containers.0.volumeMounts");
    assert!(mounts.iter().all(|m| m.get("subPath").is_none()), "a single file is never reloaded");
    let place = |name| {
        let mount = mounts.iter().find(|m| word(m, "name") == name).unwrap();
        assert_eq!(word(mount, "readOnly"), "true");
        word(mount, "mountPath")
    };
    assert_eq!(place("secrets"), SECRETS);
    assert_eq!(place("config"), image::says("WORKDIR"));
    let arguments = at(spec, "containers.0.args").to_json();
    let file = format!("{}/deskbridge.yaml", place("config"));
    assert_eq!(arguments, serde_json::json!(["--config", file]));
    for folder in [BASE, EXAMPLE] {
        let mappings = configured(folder).mappings.unwrap();
        assert_eq!(mappings, Path::new(&place("mappings")));
        let kustomization = read(&format!("{folder}/kustomization.yaml"));
        // With a hash in its name a config map never changes in a running pod.
        assert_eq!(word(&kustomization, "generatorOptions.disableNameSuffixHash"), "true");
        let map = named(&kustomization, "configMapGenerator", "deskbridge-config");
        assert_eq!(word(map, "files.0"), "deskbridge.yaml");
    }
    for (volume, way, object) in [
        ("config", "configMap.name", "deskbridge-config"),
        ("mappings", "configMap.name", "deskbridge-mappings"),
        ("secrets", "secret.secretName", "deskbridge-secrets"),
    ] {
        assert_eq!(word(named(spec, "volumes", volume), way), object);
    }
    // The example's files are in the config map, and in the volume under their folders.
    let generated = read(&format!("{EXAMPLE}/kustomization.yaml"));
    let files = list(named(&generated, "configMapGenerator", "deskbridge-mappings"), "files");
    let patch = read(&format!("{EXAMPLE}/mappings.yaml"));
    let volume = named(&patch, "spec.template.spec.volumes", "mappings");
    let shown = list(volume, "configMap.items");
    assert_eq!(files.len(), shown.len());
    for (file, item) in files.iter().zip(shown) {
        let (key, path) = file.as_text().unwrap().split_once('=').unwrap();
        assert_eq!(word(item, "key"), key);
        assert_eq!(format!("mappings/{}", word(item, "path")), path);
    }
}

/// Without the config map the volume is an empty folder.
#[test]
fn the_base_loads_without_mappings_of_its_own() {
    let empty = tempfile::tempdir().unwrap();
    let files = app::files(Some(empty.path())).unwrap();
    configured(BASE).check_dialects(&files.dialects()).unwrap();
    assert_eq!(files.digest(), Files::embedded().digest());
}

/// A config map in a pod: files are links to links, and the folder they lead to is swapped.
#[test]
fn the_example_loads_from_a_folder_as_the_kubelet_makes_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("..2026_11_27_10_00_00.1/account-eu");
    fs::create_dir_all(&data).unwrap();
    let dialect = text(&format!("deploy/{EXAMPLE}/mappings/account-eu/dialect.yaml"));
    fs::write(data.join("dialect.yaml"), dialect).unwrap();
    symlink("..2026_11_27_10_00_00.1", folder.path().join("..data")).unwrap();
    symlink("..data/account-eu", folder.path().join("account-eu")).unwrap();

    let files = app::files(Some(folder.path())).unwrap();
    configured(EXAMPLE).check_dialects(&files.dialects()).unwrap();
    let mut sources = Sources::default();
    let (catalog, problems) = Catalog::load_all(&files, &mut sources);
    assert!(problems.is_empty(), "{}", problems.render(&sources, false));
    let catalog = catalog.unwrap();
    let there = |dialect: &str, root: &str| {
        catalog.routes().filter(|r| r.dialect == dialect && r.template.starts_with(root)).count()
    };
    assert!(there("account-eu", "/eu/api/v1/") > 20);
    assert_eq!(there("account-eu", "/eu/api/v1/"), there("account", "/api/v1/"));
}
