//! A metric whose value is read when it is asked for: what a stage knows anyway (bytes in the
//! cache) need not be counted a second time.

use std::fmt;

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

/// Reads one value.
pub type Read = Box<dyn Fn() -> f64 + Send + Sync>;

pub(super) struct Observed {
    desc: Desc,
    kind: MetricType,
    label: Option<&'static str>,
    /// Values of the label, and how each is read; one entry with an empty value where there is no
    /// label.
    samples: Vec<(&'static str, Read)>,
}

impl Observed {
    pub(super) fn gauge(
        name: &'static str,
        help: &'static str,
        read: Read,
    ) -> prometheus::Result<Self> {
        let desc = Desc::new(name.into(), help.into(), Vec::new(), Default::default())?;
        Ok(Self { desc, kind: MetricType::GAUGE, label: None, samples: vec![("", read)] })
    }

    pub(super) fn total(
        name: &'static str,
        help: &'static str,
        read: Read,
    ) -> prometheus::Result<Self> {
        Ok(Self { kind: MetricType::COUNTER, ..Self::gauge(name, help, read)? })
    }

    pub(super) fn counter(
        name: &'static str,
        help: &'static str,
        label: &'static str,
        samples: Vec<(&'static str, Read)>,
    ) -> prometheus::Result<Self> {
        let desc = Desc::new(name.into(), help.into(), vec![label.into()], Default::default())?;
        Ok(Self { desc, kind: MetricType::COUNTER, label: Some(label), samples })
    }
}

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed").field("name", &self.desc.fq_name).finish_non_exhaustive()
    }
}

impl Collector for Observed {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let metrics = self
            .samples
            .iter()
            .map(|(value, read)| {
                let pairs = self.label.map(|name| {
                    let mut pair = LabelPair::default();
                    pair.set_name(name.to_owned());
                    pair.set_value((*value).to_owned());
                    pair
                });
                sample(self.kind, pairs.into_iter().collect(), read())
            })
            .collect();
        vec![family(&self.desc, self.kind, metrics)]
    }
}

/// One sample.
pub(super) fn sample(kind: MetricType, labels: Vec<LabelPair>, value: f64) -> Metric {
    let mut metric = Metric::from_label(labels);
    if kind == MetricType::COUNTER {
        let mut counter = Counter::default();
        counter.set_value(value);
        metric.set_counter(counter);
    } else {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        metric.set_gauge(gauge);
    }
    metric
}

/// A metric with its samples.
pub(super) fn family(desc: &Desc, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(desc.fq_name.clone());
    family.set_help(desc.help.clone());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}
