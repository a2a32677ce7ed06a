//! A schedule that starts a function again and again, once at the beginning.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use crate::function::Function;
use crate::stack::ScheduleSpec;
use crate::{ACCOUNT, REGION};

/// Starts the function until it is aborted. As at AWS nobody waits for the invocation, and one that fails is not repeated.
pub(crate) async fn start(schedule: ScheduleSpec, function: Arc<Function>) {
    let mut ticks = interval(schedule.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let event = match &schedule.input {
            Some(input) => input.clone(),
            None => event(&schedule.name, Utc::now()).to_string(),
        };
        let function = Arc::clone(&function);
        tokio::spawn(async move { function.invoke(event, crate::new_trace()).await });
    }
}

fn event(name: &str, now: DateTime<Utc>) -> Value {
    json!({
        "version": "0",
        "id": Uuid::new_v4(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": now.to_rfc3339_opts(SecondsFormat::Secs, true),
        "region": REGION,
        "resources": [format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}")],
        "detail": {},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_members_of_a_recorded_one() {
        let recorded: Value =
            serde_json::from_str(include_str!("../../../events/flow-worker/schedule.json"))
                .unwrap();
        let now = DateTime::from_timestamp(1_763_121_600, 0).unwrap();
        let mut event = event("api-to-tools-FlowWorkerFunctionSchedule", now);
        event["id"] = recorded["id"].clone();
        assert_eq!(event, recorded);
    }
}
