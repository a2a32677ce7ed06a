//! Every metric: its name, unit, the lines it stands in, and by what it can be looked at. The one list, which the
//! alarms of `template.yaml` and `docs/operate.md` are tested against.

/// CloudWatch's namespace of all of them.
pub const NAMESPACE: &str = "ApiToTools";

/// The target of a request's line.
pub const ACCESS: &str = "access";
/// The target of the line of what a worker did with a run.
pub const WORK: &str = "work";
/// The target of a sweep's line.
pub const SWEEP: &str = "sweep";

/// The targets of lines that hold metrics.
pub const LINES: [&str; 3] = [ACCESS, WORK, SWEEP];

/// What is counted while a piece of work goes on; the rest is known at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// A tool was run, and has an output.
    ToolSuccesses,
    /// A tool was run and failed.
    ToolFailures,
    /// A tool was not run: its input, a limit, a switch.
    ToolRefusals,
    /// What a model read, by its provider's count.
    ModelInputTokens,
    /// What a model wrote, by its provider's count.
    ModelOutputTokens,
    /// A step of a run that came to a result.
    StepsSucceeded,
    /// A step of a run that failed for good, or of which nobody knows.
    StepsFailed,
    /// A step of a run that is tried once more.
    StepsRetried,
    /// A run that came to its end.
    RunsSucceeded,
    /// A run that failed.
    RunsFailed,
    /// A run that was cancelled.
    RunsCancelled,
}

impl Metric {
    pub(crate) const COUNT: usize = 11;
}

/// By what a metric can be looked at: each reach has the dimension sets of those before it. A set costs a metric for
/// each combination of its values, so that nothing with many values is one: no workspace, no tool, no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The deployment as a whole.
    Service,
    /// Each function.
    Function,
    /// Each operation.
    Operation,
}

/// The sets of dimensions, from the least to the most; each is a member of its line.
pub const DIMENSIONS: [&[&str]; 3] = [
    &["service"],
    &["service", "function"],
    &["service", "method", "route"],
];

impl Reach {
    /// Its dimension sets.
    pub const fn dimensions(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Service => DIMENSIONS.split_at(1).0,
            Self::Function => DIMENSIONS.split_at(2).0,
            Self::Operation => &DIMENSIONS,
        }
    }
}

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// The metric's name, and the member of the line that holds its value.
    pub name: &'static str,
    /// CloudWatch's unit.
    pub unit: &'static str,
    /// By what it can be looked at.
    pub reach: Reach,
    /// The targets of the lines that have it.
    pub lines: &'static [&'static str],
    /// What it says.
    pub meaning: &'static str,
}

const fn metric(
    name: &'static str,
    unit: &'static str,
    reach: Reach,
    lines: &'static [&'static str],
    meaning: &'static str,
) -> Definition {
    Definition {
        name,
        unit,
        reach,
        lines,
        meaning,
    }
}

const COUNT: &str = "Count";
const MS: &str = "Milliseconds";

/// Every metric.
pub const METRICS: [Definition; 22] = [
    metric(
        "requests",
        COUNT,
        Reach::Function,
        &[ACCESS],
        "requests that were answered; 1 in each line",
    ),
    metric(
        "errors_4xx",
        COUNT,
        Reach::Service,
        &[ACCESS],
        "answers with a status from 400 to 499",
    ),
    metric(
        "errors_5xx",
        COUNT,
        Reach::Service,
        &[ACCESS],
        "answers with a status from 500 on, failed tools and models included",
    ),
    metric(
        "faults",
        COUNT,
        Reach::Operation,
        &[ACCESS],
        "answers that say that this product failed: 5xx, but for tools and models that did",
    ),
    metric(
        "duration_ms",
        MS,
        Reach::Function,
        &[ACCESS],
        "from the request's head to the end of its answer",
    ),
    metric(
        "overhead_ms",
        MS,
        Reach::Operation,
        &[ACCESS],
        "the same without the time in which tools or models were waited for; of a stream, until its head",
    ),
    metric(
        "registrations",
        COUNT,
        Reach::Service,
        &[ACCESS],
        "tools that were registered or whose registration failed on our side; what the author can mend is neither",
    ),
    metric(
        "registrations_failed",
        COUNT,
        Reach::Service,
        &[ACCESS],
        "those of them that failed",
    ),
    metric(
        "tool_successes",
        COUNT,
        Reach::Service,
        &[ACCESS, WORK],
        "tools that were run and have an output",
    ),
    metric(
        "tool_failures",
        COUNT,
        Reach::Service,
        &[ACCESS, WORK],
        "tools that were run and failed; tool_codes in the line says how",
    ),
    metric(
        "tool_refusals",
        COUNT,
        Reach::Service,
        &[ACCESS, WORK],
        "tools that were not run: their input, a limit, a switch, a store that is away",
    ),
    metric(
        "model_input_tokens",
        COUNT,
        Reach::Service,
        &[ACCESS],
        "tokens that models read, by their provider's count",
    ),
    metric(
        "model_output_tokens",
        COUNT,
        Reach::Service,
        &[ACCESS],
        "tokens that models wrote, by their provider's count",
    ),
    metric(
        "messages",
        COUNT,
        Reach::Service,
        &[WORK],
        "messages of the queue about the run",
    ),
    metric(
        "messages_failed",
        COUNT,
        Reach::Service,
        &[WORK],
        "those of them that come again",
    ),
    metric(
        "steps_succeeded",
        COUNT,
        Reach::Service,
        &[WORK],
        "steps of runs that came to a result",
    ),
    metric(
        "steps_failed",
        COUNT,
        Reach::Service,
        &[WORK],
        "steps of runs that failed for good, or of which nobody knows",
    ),
    metric(
        "steps_retried",
        COUNT,
        Reach::Service,
        &[WORK],
        "steps of runs that are tried once more",
    ),
    metric(
        "runs_succeeded",
        COUNT,
        Reach::Service,
        &[ACCESS, WORK, SWEEP],
        "runs that came to their end",
    ),
    metric(
        "runs_failed",
        COUNT,
        Reach::Service,
        &[ACCESS, WORK, SWEEP],
        "runs that failed",
    ),
    metric(
        "runs_cancelled",
        COUNT,
        Reach::Service,
        &[ACCESS, WORK, SWEEP],
        "runs that were cancelled",
    ),
    metric(
        "sweeps",
        COUNT,
        Reach::Service,
        &[SWEEP],
        "sweeps that came to their end; the sign of life",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_metric_can_be_told() {
        let names: BTreeSet<&str> = METRICS.iter().map(|it| it.name).collect();
        assert_eq!(names.len(), METRICS.len());
        for metric in METRICS {
            // Embedded Metric Format: names of 1 to 1024 characters; a line has 100 metrics at most.
            assert!(
                metric
                    .name
                    .bytes()
                    .all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_')
            );
            assert!(!metric.lines.is_empty() && metric.lines.iter().all(|it| LINES.contains(it)));
            // Only the lines of requests have an operation.
            assert!(metric.reach != Reach::Operation || metric.lines == [ACCESS]);
        }
    }

    #[test]
    fn dimensions_have_few_values() {
        let known = ["service", "function", "method", "route"];
        for set in DIMENSIONS {
            assert!(set.iter().all(|name| known.contains(name)), "{set:?}");
        }
        assert_eq!(Reach::Operation.dimensions().len(), 3);
    }
}
