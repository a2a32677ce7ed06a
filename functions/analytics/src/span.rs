//! Which time a report is about, and how it is told.

use std::str::FromStr;

use chrono::{DateTime, Days, DurationRound as _, SubsecRound as _, TimeDelta, Utc};
use domain::fault::Fault;
use persistence::analytics::{Grain, Span};
use runtime::config::Keep;
use utoipa::{IntoParams, ToSchema};
use web::{FromQuery, Params, Problem};

/// Hours that one report tells at most, and days.
const MOST_HOURS: i64 = 31 * 24;
const MOST_DAYS: i64 = 731;

/// How a report is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum Format {
    Json,
    Csv,
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "json" => Ok(Self::Json),
            "csv" => Ok(Self::Csv),
            _ => Err("a format is json or csv"),
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) span: Span,
    pub(crate) format: Format,
}

/// As the API's description tells [`Wanted`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query")]
pub(crate) struct WantedParams {
    /// From the hour or day of this moment on; without it the last 30 days, or the last 24 hours.
    #[param(example = "2026-11-01T00:00:00Z")]
    from: Option<DateTime<Utc>>,
    /// To the end of the hour or day of this moment; without it, now.
    #[param(example = "2026-11-30T00:00:00Z")]
    to: Option<DateTime<Utc>>,
    /// `day` (UTC; at most 731 of them) or `hour` (at most 744).
    #[param(inline, value_type = Option<BucketName>, example = "day")]
    bucket: Option<String>,
    /// `json`, or `csv` for the lines of the series alone.
    #[param(inline, example = "json")]
    format: Option<Format>,
}

impl Wanted {
    /// The time that is asked for.
    ///
    /// # Errors
    /// Hours or days of it are not kept any more: a report would tell them as without calls.
    pub(crate) fn kept(&self, keep: Keep) -> Result<Span, Problem> {
        self.kept_at(keep, Utc::now())
            .map_err(|fault| Problem::invalid_request(vec![fault]))
    }

    fn kept_at(&self, keep: Keep, now: DateTime<Utc>) -> Result<Span, Fault> {
        let (days, hint) = match self.span.grain {
            Grain::Hour => (keep.hours_days, "give a later \"from\", or bucket=day"),
            Grain::Day => (keep.days_days, "give a later \"from\""),
        };
        if now - self.span.from <= TimeDelta::days(days.into()) {
            return Ok(self.span);
        }
        let grain = self.span.grain.as_str();
        let message = format!("each {grain} is kept for {days} days");
        Err(Fault::new("from", "invalid_value", message).hint(hint))
    }
}

struct Bucket(Grain);

/// How long each line of a series is, as the API's description tells it.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "describes the query")]
enum BucketName {
    Hour,
    Day,
}

impl FromStr for Bucket {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "hour" => Ok(Self(Grain::Hour)),
            "day" => Ok(Self(Grain::Day)),
            _ => Err("a bucket is hour or day"),
        }
    }
}

impl FromQuery for Wanted {
    fn from_query(params: &mut Params) -> Result<Self, Problem> {
        let from: Option<DateTime<Utc>> = params.parsed("from");
        let to: Option<DateTime<Utc>> = params.parsed("to");
        let grain = params
            .parsed("bucket")
            .map_or(Grain::Day, |Bucket(grain)| grain);
        let format = params.parsed("format").unwrap_or(Format::Json);
        let span = span(from, to, grain, Utc::now());
        match count(&span) {
            ..1 => params.refuse(
                "from",
                "\"from\" is not before \"to\"",
                "give an earlier \"from\"",
            ),
            lines if lines > most(grain) => params.refuse(
                "from",
                format!(
                    "{lines} lines are asked for, at most {} are told",
                    most(grain)
                ),
                "give a later \"from\", or bucket=day",
            ),
            _ => {}
        }
        Ok(Self { span, format })
    }
}

const fn most(grain: Grain) -> i64 {
    match grain {
        Grain::Hour => MOST_HOURS,
        Grain::Day => MOST_DAYS,
    }
}

const fn width(grain: Grain) -> TimeDelta {
    match grain {
        Grain::Hour => TimeDelta::hours(1),
        Grain::Day => TimeDelta::days(1),
    }
}

fn span(
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    grain: Grain,
    now: DateTime<Utc>,
) -> Span {
    let to = to.unwrap_or(now).trunc_subsecs(0);
    let back = match grain {
        Grain::Hour => TimeDelta::hours(23),
        Grain::Day => TimeDelta::days(29),
    };
    let from = from.unwrap_or_else(|| to.checked_sub_signed(back).unwrap_or(to));
    let begin = |at: DateTime<Utc>| at.duration_trunc(width(grain)).unwrap_or(at);
    let last = begin(to);
    // A moment that begins an hour or a day ends the one before.
    let end = if last == to && to > from {
        last
    } else {
        last.checked_add_signed(width(grain)).unwrap_or(last)
    };
    Span {
        grain,
        from: begin(from),
        to: end,
    }
}

/// How many hours or days it has.
fn count(span: &Span) -> i64 {
    let time = span.to - span.from;
    time.num_seconds() / width(span.grain).num_seconds()
}

/// Where each line of it begins.
pub(crate) fn lines(span: &Span) -> impl Iterator<Item = DateTime<Utc>> {
    let (to, grain) = (span.to, span.grain);
    std::iter::successors(Some(span.from), move |at| match grain {
        Grain::Hour => at.checked_add_signed(TimeDelta::hours(1)),
        Grain::Day => at.checked_add_days(Days::new(1)),
    })
    .take_while(move |at| *at < to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    fn told(from: Option<&str>, to: Option<&str>, grain: Grain) -> (String, String, i64) {
        let span = span(from.map(at), to.map(at), grain, at("2026-11-29T10:30:00Z"));
        assert_eq!(i64::try_from(lines(&span).count()), Ok(count(&span)));
        (span.from.to_rfc3339(), span.to.to_rfc3339(), count(&span))
    }

    fn expected(from: &str, to: &str, lines: i64) -> (String, String, i64) {
        (at(from).to_rfc3339(), at(to).to_rfc3339(), lines)
    }

    #[test]
    fn whole_hours_and_days_are_told() {
        assert_eq!(
            told(None, None, Grain::Day),
            expected("2026-10-31T00:00:00Z", "2026-11-30T00:00:00Z", 30)
        );
        assert_eq!(
            told(None, None, Grain::Hour),
            expected("2026-11-28T11:00:00Z", "2026-11-29T11:00:00Z", 24)
        );
        assert_eq!(
            told(
                Some("2026-11-01T00:00:00Z"),
                Some("2026-11-03T00:00:00Z"),
                Grain::Day
            ),
            expected("2026-11-01T00:00:00Z", "2026-11-03T00:00:00Z", 2)
        );
        assert_eq!(
            told(
                Some("2026-11-01T13:59:59Z"),
                Some("2026-11-01T14:00:01Z"),
                Grain::Hour
            ),
            expected("2026-11-01T13:00:00Z", "2026-11-01T15:00:00Z", 2)
        );
    }

    #[test]
    fn a_time_that_ends_before_it_begins_has_no_line() {
        let (.., lines) = {
            let span = span(
                Some(at("2026-11-29T00:00:00Z")),
                Some(at("2026-11-01T00:00:00Z")),
                Grain::Day,
                at("2026-11-29T10:30:00Z"),
            );
            (span.from, span.to, count(&span))
        };
        assert!(lines < 1);
    }
}
