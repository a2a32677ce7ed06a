//! `current_time`: what a model cannot know.

use chrono::{Datelike, Offset, SecondsFormat};
use chrono_tz::Tz;
use domain::code::{ToolContext, ToolError, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    /// Time zone of the IANA database, such as Europe/Oslo or America/New_York.
    #[serde(default = "utc")]
    #[schemars(length(max = 64))]
    time_zone: String,
}

fn utc() -> String {
    "UTC".to_owned()
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Time {
    /// Date and time there (RFC 3339), with its offset from UTC.
    local: String,
    /// The same moment in UTC (RFC 3339).
    utc: String,
    /// Seconds since 1970-01-01 UTC.
    unix: i64,
    /// Day of the week there, in English.
    weekday: String,
    /// ISO 8601 week of the year there.
    iso_week: u32,
    /// Minutes that the place is ahead of UTC now, summer time included.
    utc_offset_minutes: i32,
}

/// The current date and time in a time zone, with the day of the week and the offset from UTC.
#[tool(read_only, idempotent = false, open_world = false, tags = ["time"])]
pub(crate) async fn current_time(ctx: ToolContext, input: Place) -> Result<Time, ToolError> {
    let zone = input.time_zone.parse::<Tz>().map_err(|_| {
        let hint = "Write a name of the IANA database (Europe/Oslo), or UTC.";
        ToolError::input("/time_zone", "There is no such time zone.", hint)
    })?;
    let utc = ctx.now();
    let local = utc.with_timezone(&zone);
    Ok(Time {
        local: local.to_rfc3339_opts(SecondsFormat::Secs, true),
        utc: utc.to_rfc3339_opts(SecondsFormat::Secs, true),
        unix: utc.timestamp(),
        weekday: local.format("%A").to_string(),
        iso_week: local.iso_week().week(),
        utc_offset_minutes: local.offset().fix().local_minus_utc() / 60,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::run::{NOW, pointer, run};

    #[test]
    fn tells_the_time_of_a_place() {
        let tool = current_time::tool();
        assert_eq!(
            run(&tool, json!({ "time_zone": "Asia/Kolkata" })),
            Ok(json!({
                "local": "2026-03-14T20:39:26+05:30", "utc": "2026-03-14T15:09:26Z", "unix": NOW,
                "weekday": "Saturday", "iso_week": 11, "utc_offset_minutes": 330,
            }))
        );
        // Summer time began six days before.
        let there = run(&tool, json!({ "time_zone": "America/New_York" })).unwrap();
        assert_eq!(there["local"], "2026-03-14T11:09:26-04:00");
        assert_eq!(
            run(&tool, json!({})).unwrap()["local"],
            "2026-03-14T15:09:26Z"
        );
    }

    #[test]
    fn a_place_that_is_no_zone_is_told() {
        let run = run(&current_time::tool(), json!({ "time_zone": "Atlantis" }));
        assert_eq!(pointer(run), "/time_zone");
    }
}
