//! How a line is written: one JSON object, with the ids of the work that it is about, and where it holds metrics, what
//! CloudWatch needs to find them (Embedded Metric Format).

use std::fmt::{self, Write as _};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::metrics::{Definition, LINES, METRICS, NAMESPACE, Reach};

/// Whose metrics they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The deployment: the name of the stack.
    pub service: String,
    /// The function.
    pub function: String,
}

/// The format of lines; to be used with [`Lines::fields`].
#[derive(Debug)]
pub struct Lines {
    json: Format<Json>,
    /// What stands in each line with metrics: `"service":"…","function":"…"`; none: there are no metrics.
    origin: Option<String>,
}

impl Lines {
    /// With an origin, lines that hold metrics say so to CloudWatch; without, they are lines like others.
    pub fn new(origin: Option<&Origin>) -> Self {
        let json = Format::default().json().flatten_event(true);
        Self {
            // The ids stand in the line itself.
            json: json.with_current_span(false).with_span_list(false),
            origin: origin.map(|origin| {
                let (service, function) = (json!(origin.service), json!(origin.function));
                format!(r#""service":{service},"function":{function}"#)
            }),
        }
    }

    /// The format of spans' fields that [`Lines`] expects.
    pub fn fields() -> JsonFields {
        JsonFields::new()
    }
}

impl<S> FormatEvent<S, JsonFields> for Lines
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::with_capacity(1_024);
        self.json
            .format_event(context, Writer::new(&mut line), event)?;
        let members = line.trim_end().strip_prefix('{').unwrap_or_default();
        let members = members.strip_suffix('}').unwrap_or_default();
        writer.write_char('{')?;
        if let Some(ids) = ids(context, event) {
            write!(writer, "{ids},")?;
        }
        writer.write_str(members)?;
        if let Some(origin) = &self.origin
            && LINES.contains(&event.metadata().target())
        {
            let mut present = Present::of(event.metadata().target());
            event.record(&mut present);
            write!(
                writer,
                ",{origin},\"_aws\":{}",
                present.directives(now_ms())
            )?;
        }
        writer.write_str("}\n")
    }
}

/// The members of the innermost span of ours: the ids of the work that the line is about.
fn ids<S>(context: &FmtContext<'_, S, JsonFields>, event: &Event<'_>) -> Option<String>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    let parent = event.parent().and_then(|id| context.span(id));
    let span = parent.or_else(|| context.lookup_current())?;
    let ours = span
        .scope()
        .find(|span| span.metadata().target() == "telemetry")?;
    let extensions = ours.extensions();
    let fields = extensions.get::<FormattedFields<JsonFields>>()?;
    let fields = fields.fields.strip_prefix('{')?.strip_suffix('}')?;
    (!fields.is_empty()).then(|| fields.to_owned())
}

/// Which metrics a line has, by their places in the list.
struct Present {
    target: &'static str,
    places: u64,
}

impl Present {
    /// None yet, of a line of this target.
    fn of(target: &'static str) -> Self {
        Self { target, places: 0 }
    }

    fn has(&self, place: usize) -> bool {
        self.places >> place & 1 == 1
    }

    /// What stands in `_aws`.
    fn directives(&self, timestamp_ms: u128) -> String {
        let mut text = format!(r#"{{"Timestamp":{timestamp_ms},"CloudWatchMetrics":["#);
        let mut separator = "";
        for reach in [Reach::Service, Reach::Function, Reach::Operation] {
            let of_reach = METRICS.iter().enumerate();
            let mut of_reach = of_reach
                .filter(|(place, metric)| metric.reach == reach && self.has(*place))
                .map(|(_, metric)| metric)
                .peekable();
            if of_reach.peek().is_none() {
                continue;
            }
            let dimensions = json!(reach.dimensions());
            let _ = write!(
                text,
                r#"{separator}{{"Namespace":"{NAMESPACE}","Dimensions":{dimensions},"Metrics":["#
            );
            for (index, metric) in of_reach.enumerate() {
                let comma = if index > 0 { "," } else { "" };
                let (name, unit) = (metric.name, metric.unit);
                let _ = write!(text, r#"{comma}{{"Name":"{name}","Unit":"{unit}"}}"#);
            }
            text.push_str("]}");
            separator = ",";
        }
        text.push_str("]}");
        text
    }
}

impl Present {
    fn saw(&mut self, field: &Field) {
        let named = |metric: &Definition| metric.name == field.name();
        let place = METRICS.iter().position(named);
        // A member of that name in a line of another kind is no metric: how long a run takes is none of the requests.
        if let Some(place) = place.filter(|it| METRICS[*it].lines.contains(&self.target)) {
            self.places |= 1 << place;
        }
    }
}

impl Visit for Present {
    fn record_f64(&mut self, field: &Field, _: f64) {
        self.saw(field);
    }

    fn record_i64(&mut self, field: &Field, _: i64) {
        self.saw(field);
    }

    fn record_u64(&mut self, field: &Field, _: u64) {
        self.saw(field);
    }

    /// What is no number is no metric.
    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

fn now_ms() -> u128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_millis()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::Value;

    use super::*;
    use crate::Facts;

    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What is written, a line each.
    fn written(origin: Option<&Origin>, log: impl FnOnce()) -> Vec<Value> {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&kept);
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(Lines::fields())
            .event_format(Lines::new(origin))
            .with_writer(move || Kept(Arc::clone(&writer)))
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        let text = String::from_utf8(kept.lock().unwrap().clone()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect()
    }

    fn origin() -> Origin {
        Origin {
            service: "a \"stack\"".to_owned(),
            function: "tools".to_owned(),
        }
    }

    #[test]
    fn a_line_with_metrics_says_where_they_are() {
        let log = || {
            tracing::info!(
                target: "access",
                method = "GET",
                route = "/health",
                faults = 0_u64,
                overhead_ms = 1.25,
                tool_failures = None::<u64>,
                runs_failed = Some(2_u64),
                requests = "no number",
                "answered"
            );
        };
        let lines = written(Some(&origin()), log);
        let [line] = lines.as_slice() else {
            panic!("{lines:?}");
        };
        assert_eq!(
            (&line["service"], &line["function"]),
            (&json!("a \"stack\""), &json!("tools"))
        );
        assert_eq!(line["overhead_ms"], 1.25);
        assert!(line["_aws"]["Timestamp"].as_u64().unwrap() > 1_500_000_000_000);
        let directives = &line["_aws"]["CloudWatchMetrics"];
        let expected = json!([
            { "Namespace": "ApiToTools", "Dimensions": [["service"]],
              "Metrics": [{ "Name": "runs_failed", "Unit": "Count" }] },
            { "Namespace": "ApiToTools",
              "Dimensions": [["service"], ["service", "function"], ["service", "method", "route"]],
              "Metrics": [{ "Name": "faults", "Unit": "Count" }, { "Name": "overhead_ms", "Unit": "Milliseconds" }] },
        ]);
        assert_eq!(directives, &expected);
    }

    #[test]
    fn other_lines_and_places_without_metrics_have_none() {
        let log = || {
            tracing::info!(faults = 1_u64, "of another target");
            // A request's metric is none in the line of a run.
            tracing::info!(target: "work", overhead_ms = 1.0, messages = 1_u64, "worked");
            tracing::info!(target: "access", faults = 1_u64, "answered");
        };
        let of = |lines: Vec<Value>| -> Vec<bool> {
            lines
                .iter()
                .map(|line| line.get("_aws").is_some())
                .collect()
        };
        let lines = written(Some(&origin()), log);
        let directives = lines[1]["_aws"]["CloudWatchMetrics"].as_array().unwrap();
        assert_eq!(directives.len(), 1);
        assert_eq!(
            directives[0]["Metrics"],
            json!([{ "Name": "messages", "Unit": "Count" }])
        );
        assert_eq!(of(lines), [false, true, true]);
        assert_eq!(of(written(None, log)), [false, false, false]);
    }

    #[test]
    fn every_line_of_a_request_carries_its_ids() {
        let log = || {
            tracing::info!("before");
            let facts = Facts::of_request("r-\"1\"", None);
            let trace = facts.trace().trace_id().to_string();
            facts.within(|| {
                tracing::warn!(trace, "within");
                tracing::info_span!("somebody else's", trace_id = "another").in_scope(|| {
                    tracing::error!(trace, "deeper");
                });
            });
        };
        let lines = written(None, log);
        assert_eq!(lines[0].get("trace_id"), None);
        for line in &lines[1..] {
            assert_eq!(line["trace_id"], line["trace"]);
            assert_eq!(line["request_id"], "r-\"1\"");
            assert_eq!(line["trace_id"].as_str().unwrap().len(), 32);
        }
        assert_eq!(lines.len(), 3);
    }
}
