//! Token buckets: so many requests per second, and so many at once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::gateway::api::{Api, Limit, Plan};
use crate::gateway::responses::Refusal;

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    since: Instant,
}

impl Bucket {
    fn takes(&mut self, limit: Limit, now: Instant) -> bool {
        let filled = now.saturating_duration_since(self.since).as_secs_f64() * limit.rate;
        self.tokens = (self.tokens + filled).min(limit.burst);
        self.since = now;
        let takes = self.tokens >= 1.0;
        if takes {
            self.tokens -= 1.0;
        }
        takes
    }
}

/// What was let through so far.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    buckets: HashMap<String, Bucket>,
    used: HashMap<String, (Instant, u64)>,
}

impl Throttle {
    /// Whether a request may pass: the limits of its route, and those of the plan of its client's key, if the route asks for one.
    pub(crate) fn passes(
        &self,
        api: &Api,
        (method, path): (&str, &str),
        client: Option<&Plan>,
        now: Instant,
    ) -> Result<(), Refusal> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = client {
            state.client(plan, now)?;
        }
        let limit = api.limits.iter().find(|limit| {
            (limit.path == "*" || limit.path == path)
                && (limit.method == "*" || limit.method == method)
        });
        match limit {
            Some(limit) => state.takes(
                &format!("{} {}", limit.method, limit.path),
                limit.limit,
                now,
            ),
            None => Ok(()),
        }
    }
}

impl State {
    fn takes(&mut self, name: &str, limit: Limit, now: Instant) -> Result<(), Refusal> {
        let full = || Bucket {
            tokens: limit.burst,
            since: now,
        };
        let bucket = self.buckets.entry(name.to_owned()).or_insert_with(full);
        match bucket.takes(limit, now) {
            true => Ok(()),
            false => Err(Refusal::Throttled),
        }
    }

    fn client(&mut self, plan: &Plan, now: Instant) -> Result<(), Refusal> {
        if let Some(limit) = plan.limit {
            self.takes(&format!("plan {}", plan.name), limit, now)?;
        }
        let Some((most, period)) = plan.quota else {
            return Ok(());
        };
        let used = self.used.entry(plan.name.clone()).or_insert((now, 0));
        if now.saturating_duration_since(used.0) >= period.max(Duration::from_secs(1)) {
            *used = (now, 0);
        }
        if used.1 >= most {
            return Err(Refusal::QuotaExceeded);
        }
        used.1 += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let stage = json!({ "MethodSettings": [{ "ResourcePath": "/*", "HttpMethod": "*", "ThrottlingRateLimit": 10, "ThrottlingBurstLimit": 2 }] });
        let plan = |name| json!({ "UsagePlanName": name, "Throttle": { "RateLimit": 100, "BurstLimit": 100 }, "Quota": { "Limit": 2, "Period": "DAY" } });
        let api = Api::read(&json!({ "Body": {} }), &stage, &[plan("free"), plan("pro")]).unwrap();
        let (free, pro) = (&api.plans[0], &api.plans[1]);
        let (throttle, start) = (Throttle::default(), Instant::now());
        let passes = |client, millis| {
            throttle.passes(
                &api,
                ("GET", "/"),
                client,
                start + Duration::from_millis(millis),
            )
        };
        assert_eq!(passes(None, 0), Ok(()));
        assert_eq!(passes(None, 0), Ok(()));
        assert_eq!(passes(None, 0), Err(Refusal::Throttled));
        assert_eq!(passes(None, 100), Ok(()));
        assert_eq!(passes(None, 100), Err(Refusal::Throttled));
        assert_eq!(passes(Some(free), 1_000), Ok(()));
        assert_eq!(passes(Some(free), 2_000), Ok(()));
        assert_eq!(passes(Some(free), 3_000), Err(Refusal::QuotaExceeded));
        assert_eq!(passes(Some(pro), 3_000), Ok(()));
        assert_eq!(passes(Some(free), 86_401_000), Ok(()));
    }
}
