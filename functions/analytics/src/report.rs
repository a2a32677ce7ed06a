//! What calls come to: counts, ends, times and doors, together and by the hour or day.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use domain::latency::Durations;
use http::header::{CONTENT_TYPE, HeaderValue};
use persistence::analytics::{Cell, Span};
use serde::Serialize;
use utoipa::ToSchema;

use crate::span::lines;

const CSV: HeaderValue = HeaderValue::from_static("text/csv; charset=utf-8");

/// How calls ended, and how long they took.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) successes: u64,
    pub(crate) durations: Durations,
}

impl Tally {
    pub(crate) fn add(&mut self, success: bool, bucket: Option<i16>, calls: u64, sum_us: u64) {
        self.successes += if success { calls } else { 0 };
        let bucket = bucket.and_then(|bucket| u8::try_from(bucket).ok());
        self.durations
            .add(bucket.unwrap_or_default(), calls, sum_us);
    }
}

/// Counts and times. The times are absent where there were no calls.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CallsView {
    /// How many calls.
    #[schema(example = 1432)]
    pub(crate) calls: u64,
    /// Of these, such as succeeded.
    #[schema(example = 1425)]
    pub(crate) successes: u64,
    /// Of these, such as failed.
    #[schema(example = 7)]
    pub(crate) failures: u64,
    /// Share of those that succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 0.9951)]
    pub(crate) success_rate: Option<f64>,
    /// Mean time, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 182.4)]
    pub(crate) mean_ms: Option<f64>,
    /// Half of the calls took no longer, in milliseconds. This one and the next two are counted in buckets, and within 19 %.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 151.0)]
    pub(crate) p50_ms: Option<f64>,
    /// 95 of 100 calls took no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 402.7)]
    pub(crate) p95_ms: Option<f64>,
    /// 99 of 100 calls took no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 933.1)]
    pub(crate) p99_ms: Option<f64>,
}

impl From<&Tally> for CallsView {
    fn from(tally: &Tally) -> Self {
        let durations = &tally.durations;
        let calls = durations.calls();
        Self {
            calls,
            successes: tally.successes,
            failures: calls.saturating_sub(tally.successes),
            success_rate: share(tally.successes, calls),
            mean_ms: durations.mean_ms().map(rounded),
            p50_ms: durations.percentile_ms(0.50).map(rounded),
            p95_ms: durations.percentile_ms(0.95).map(rounded),
            p99_ms: durations.percentile_ms(0.99).map(rounded),
        }
    }
}

/// A failure's code and how often it came.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorCount {
    /// As in the execution log.
    #[schema(example = "upstream_5xx")]
    code: String,
    /// How often.
    #[schema(example = 7)]
    calls: u64,
}

/// One hour or day.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LineView {
    /// When it began, in UTC.
    at: DateTime<Utc>,
    #[serde(flatten)]
    calls: CallsView,
}

/// Calls within a time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReportView {
    /// Where the first line begins.
    from: DateTime<Utc>,
    /// Where the last line ends.
    to: DateTime<Utc>,
    /// `hour` or `day`.
    #[schema(example = "day")]
    bucket: &'static str,
    #[serde(flatten)]
    calls: CallsView,
    /// Why calls failed, the commonest first.
    errors: Vec<ErrorCount>,
    /// By the kind of caller: `rest`, `model`, `mcp`, `flow`; those that called.
    callers: BTreeMap<String, CallsView>,
    /// Each hour or day, also those without calls.
    series: Vec<LineView>,
}

impl ReportView {
    /// Adds the cells up.
    pub(crate) fn new(span: &Span, cells: Vec<Cell>) -> Self {
        let mut all = Tally::default();
        let mut errors: BTreeMap<String, u64> = BTreeMap::new();
        let mut callers: BTreeMap<String, Tally> = BTreeMap::new();
        let mut by_time: BTreeMap<DateTime<Utc>, Tally> = BTreeMap::new();
        for cell in cells {
            let count =
                |number: Option<i64>| u64::try_from(number.unwrap_or_default()).unwrap_or(0);
            let (calls, sum_us) = (count(cell.calls), count(cell.duration_us));
            let code = cell.outcome.unwrap_or_default();
            let success = code.is_empty();
            let caller = callers.entry(cell.door.unwrap_or_default()).or_default();
            let line = by_time.entry(cell.at.unwrap_or(span.from)).or_default();
            for tally in [&mut all, caller, line] {
                tally.add(success, cell.bucket, calls, sum_us);
            }
            if !success {
                *errors.entry(code).or_default() += calls;
            }
        }
        let mut errors: Vec<ErrorCount> = errors
            .into_iter()
            .map(|(code, calls)| ErrorCount { code, calls })
            .collect();
        errors.sort_by_key(|error| std::cmp::Reverse(error.calls));
        let nothing = Tally::default();
        let series = lines(span).map(|at| LineView {
            at,
            calls: by_time.get(&at).unwrap_or(&nothing).into(),
        });
        Self {
            from: span.from,
            to: span.to,
            bucket: span.grain.as_str(),
            calls: (&all).into(),
            errors,
            callers: callers
                .iter()
                .map(|(door, tally)| (door.clone(), tally.into()))
                .collect(),
            series: series.collect(),
        }
    }

    /// The lines of the series as CSV, with a header; with more columns, and what stands in them line by line.
    pub(crate) fn csv(&self, columns: &str, cells: &[String]) -> Response {
        let mut text = format!(
            "at,calls,successes,failures,success_rate,mean_ms,p50_ms,p95_ms,p99_ms{columns}\r\n",
        );
        for (line, LineView { at, calls }) in self.series.iter().enumerate() {
            let cell =
                |number: Option<f64>| number.map(|number| number.to_string()).unwrap_or_default();
            let _ = write!(
                text,
                "{},{},{},{},{},{},{},{},{}{}\r\n",
                at.format("%Y-%m-%dT%H:%M:%SZ"),
                calls.calls,
                calls.successes,
                calls.failures,
                cell(calls.success_rate),
                cell(calls.mean_ms),
                cell(calls.p50_ms),
                cell(calls.p95_ms),
                cell(calls.p99_ms),
                cells.get(line).map_or("", String::as_str),
            );
        }
        ([(CONTENT_TYPE, CSV)], text).into_response()
    }
}

/// A share with four digits; `None` of nothing.
fn share(part: u64, whole: u64) -> Option<f64> {
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    let share = part as f64 / whole as f64;
    (whole > 0).then(|| (share * 10_000.0).floor() / 10_000.0)
}

/// Milliseconds with three digits.
fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}
