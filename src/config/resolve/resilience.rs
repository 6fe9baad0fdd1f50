//! `resilience`: what is done about a backend in trouble.

use std::time::Duration;

use crate::config::raw::{Reading, Section, Spot};
use crate::config::value::Time;
use crate::config::{Upstream, UpstreamKind};
use crate::upstream::resilience::{Params, breaker, budget, retry};

/// More would only be load.
const MOST_ATTEMPTS: u64 = 10;

pub(super) fn resilience(
    reading: &Reading<'_>,
    top: &mut Section<'_, '_>,
    upstreams: &[Upstream],
) -> Params {
    let mut block = top.section("resilience");
    let default = Params::default();
    let attempts = block.count("attempts", 1);
    if let Some(attempts) = attempts.as_ref().filter(|count| count.value > MOST_ATTEMPTS) {
        let message = format!("`resilience.attempts` is at most {MOST_ATTEMPTS}");
        reading.push(reading.invalid(attempts.span, message));
    }
    let params = Params {
        attempts: attempts.map_or(default.attempts, small),
        attempt_timeout: attempt_timeout(reading, &mut block, upstreams),
        backoff: backoff(reading, &mut block),
        budget: budget(&mut block),
        breaker: breaker(&mut block),
    };
    block.finish();
    params
}

/// An attempt must fit into every call.
fn attempt_timeout(
    reading: &Reading<'_>,
    block: &mut Section<'_, '_>,
    upstreams: &[Upstream],
) -> Duration {
    let Some(written) = block.timed("attempt_timeout") else {
        return Params::default().attempt_timeout;
    };
    for upstream in upstreams {
        if let UpstreamKind::Canonical(canonical) = &upstream.kind
            && canonical.timeout < written.value
        {
            let message = format!(
                "`resilience.attempt_timeout` is longer than a whole call to `{}` may take ({})",
                upstream.name,
                Time(canonical.timeout)
            );
            reading.push(reading.invalid(written.span, message));
        }
    }
    written.value
}

fn backoff(reading: &Reading<'_>, block: &mut Section<'_, '_>) -> retry::Backoff {
    let mut block = block.section("backoff");
    let default = retry::Backoff::default();
    let min = block.timed("min");
    let max = block.timed("max");
    block.finish();
    let backoff = retry::Backoff {
        // One bound alone moves the other one out of its way.
        min: min.as_ref().map_or_else(
            || max.as_ref().map_or(default.min, |max| default.min.min(max.value)),
            |min| min.value,
        ),
        max: max.as_ref().map_or_else(
            || min.as_ref().map_or(default.max, |min| default.max.max(min.value)),
            |max| max.value,
        ),
    };
    if let (Some(min), Some(max)) = (min, max)
        && min.value > max.value
    {
        let message = "`resilience.backoff.min` is longer than `max`";
        reading.push(reading.invalid(min.span, message).related(max.span, "the longest pause"));
    }
    backoff
}

fn budget(block: &mut Section<'_, '_>) -> budget::Params {
    let mut block = block.section("budget");
    let default = budget::Params::default();
    let params = budget::Params {
        percent: block.percent("ratio", 0).map_or(default.percent, |share| share.value),
        min_per_second: block.count("min_per_second", 0).map_or(default.min_per_second, small),
    };
    block.finish();
    params
}

fn breaker(block: &mut Section<'_, '_>) -> breaker::Params {
    let mut block = block.section("breaker");
    let default = breaker::Params::default();
    let params = breaker::Params {
        enabled: block.boolean("enabled").unwrap_or(default.enabled),
        window: block.time("window").unwrap_or(default.window),
        min_requests: block.count("min_requests", 1).map_or(default.min_requests, small),
        failure_percent: block
            .percent("failure_ratio", 1)
            .map_or(default.failure_percent, |share| share.value),
        open_for: block.time("open_for").unwrap_or(default.open_for),
        probes: block.count("probes", 1).map_or(default.probes, small),
    };
    block.finish();
    params
}

/// More than fits is as good as no limit.
fn small(count: Spot<u64>) -> u32 {
    u32::try_from(count.value).unwrap_or(u32::MAX)
}
