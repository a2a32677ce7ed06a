//! What is learned about one piece of work while it goes on.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use domain::ids::WorkspaceId;
use tokio::task::futures::TaskLocalFuture;
use tokio::time::Instant;
use tracing::Span;
use tracing::instrument::{Instrument as _, Instrumented};
use uuid::Uuid;

use crate::busy::Busy;
use crate::metrics::Metric;
use crate::trace::{Parent, TraceContext};

tokio::task_local! {
    static CURRENT: Option<Facts>;
}

/// A request, or what a worker does with a run. Cheap to clone; clones are the same.
#[derive(Clone, Debug)]
pub struct Facts(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    trace: TraceContext,
    span: Span,
    started: Instant,
    /// Whether what it sends to others is of its trace.
    hands_on: bool,
    workspace: OnceLock<WorkspaceId>,
    tally: Mutex<Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    busy: Busy,
    counts: [u64; Metric::COUNT],
    codes: Vec<(&'static str, u64)>,
    fault: bool,
}

impl Facts {
    /// A request begins. Everything that is logged about it carries both ids.
    pub fn of_request(request_id: &str, parent: Option<Parent>) -> Self {
        let trace = TraceContext::new(parent, random);
        // Of the highest level, so that what is logged at any other carries it.
        let span = tracing::error_span!(
            target: "telemetry", "request", trace_id = %trace.trace_id(), request_id
        );
        Self::new(trace, span, true)
    }

    /// A worker begins with a run.
    pub fn of_run(run: Uuid, parent: Option<Parent>) -> Self {
        let trace = TraceContext::new(parent, random);
        let span = tracing::error_span!(
            target: "telemetry", "run", trace_id = %trace.trace_id(), run_id = %run
        );
        Self::new(trace, span, true)
    }

    /// Rounds of chores begin. They are about many runs: what they send begins a trace of its own where it arrives.
    pub fn of_sweep() -> Self {
        let trace = TraceContext::new(None, random);
        let span = tracing::error_span!(target: "telemetry", "sweep", trace_id = %trace.trace_id());
        Self::new(trace, span, false)
    }

    fn new(trace: TraceContext, span: Span, hands_on: bool) -> Self {
        Self(Arc::new(Inner {
            trace,
            span,
            started: Instant::now(),
            hands_on,
            workspace: OnceLock::new(),
            tally: Mutex::default(),
        }))
    }

    /// Does the work: in it, [`current`] are these facts, and what is logged is about them.
    pub fn scope<F: Future>(&self, work: F) -> TaskLocalFuture<Option<Self>, Instrumented<F>> {
        CURRENT.scope(Some(self.clone()), work.instrument(self.0.span.clone()))
    }

    /// The same for what is asked again and again, such as a body.
    pub fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(Some(self.clone()), || self.0.span.in_scope(work))
    }

    /// Its place in its trace.
    pub fn trace(&self) -> TraceContext {
        self.0.trace
    }

    /// The workspace in which it acts; the first one stays.
    pub fn set_workspace(&self, id: WorkspaceId) {
        self.0.workspace.get_or_init(|| id);
    }

    /// The workspace in which it acts.
    pub fn workspace(&self) -> Option<WorkspaceId> {
        self.0.workspace.get().copied()
    }

    /// Counts.
    pub fn count(&self, metric: Metric, number: u64) {
        let mut tally = self.tally();
        if let Some(count) = tally.counts.get_mut(metric as usize) {
            *count = count.saturating_add(number);
        }
    }

    /// A tool that was run and failed so.
    pub fn tool_failed(&self, code: &'static str) {
        self.count(Metric::ToolFailures, 1);
        let mut tally = self.tally();
        match tally.codes.iter_mut().find(|(known, _)| *known == code) {
            Some((_, count)) => *count += 1,
            None => tally.codes.push((code, 1)),
        }
    }

    /// What was counted; none when that is nothing.
    pub fn counted(&self, metric: Metric) -> Option<u64> {
        let count = self.tally().counts.get(metric as usize).copied();
        count.filter(|count| *count > 0)
    }

    /// This product failed, whatever the answer's status says.
    pub fn set_fault(&self) {
        self.tally().fault = true;
    }

    /// Whether it did.
    pub fn has_fault(&self) -> bool {
        self.tally().fault
    }

    /// How tools failed: `timeout:2 upstream_error:1`.
    pub fn tool_codes(&self) -> Option<String> {
        let tally = self.tally();
        let codes = tally.codes.iter();
        let codes: Vec<String> = codes
            .map(|(code, count)| format!("{code}:{count}"))
            .collect();
        (!codes.is_empty()).then(|| codes.join(" "))
    }

    /// Since its beginning: the time, and that part of it in which tools and models were waited for.
    pub fn elapsed(&self) -> (Duration, Duration) {
        let now = Instant::now();
        let elapsed = now.saturating_duration_since(self.0.started);
        (elapsed, self.tally().busy.total(now).min(elapsed))
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.0.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The facts of the work that is going on here, if it has any.
pub fn current() -> Option<Facts> {
    CURRENT.try_with(Clone::clone).ok().flatten()
}

/// What work that goes on elsewhere belongs to: in a task of its own, or called back by a library's.
#[derive(Clone, Debug)]
pub struct Carrier {
    facts: Option<Facts>,
    span: Span,
}

impl Carrier {
    /// What the work here belongs to.
    pub fn here() -> Self {
        Self {
            facts: current(),
            span: Span::current(),
        }
    }

    /// The work as it would be done here.
    pub fn carry<F: Future>(&self, work: F) -> TaskLocalFuture<Option<Facts>, Instrumented<F>> {
        CURRENT.scope(self.facts.clone(), work.instrument(self.span.clone()))
    }
}

/// The same work as a task of its own: to be spawned.
pub fn carried<F: Future>(work: F) -> TaskLocalFuture<Option<Facts>, Instrumented<F>> {
    Carrier::here().carry(work)
}

/// What a call, or a message, says of the trace that it belongs to; each is a span of its own.
pub fn handed_on() -> Option<TraceContext> {
    let facts = current()?;
    facts.0.hands_on.then(|| facts.trace().with_span(random()))
}

/// Until it is dropped, the time is not ours: a tool or a model is waited for.
#[derive(Debug)]
pub struct Outside(Option<Facts>);

impl Outside {
    /// It begins.
    pub fn begin() -> Self {
        let facts = current();
        if let Some(facts) = &facts {
            facts.tally().busy.begin(Instant::now());
        }
        Self(facts)
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        if let Some(facts) = &self.0 {
            facts.tally().busy.end(Instant::now());
        }
    }
}

/// Waits for a tool or a model: this time is not ours.
pub async fn outside<T>(waiting: impl Future<Output = T>) -> T {
    let _outside = Outside::begin();
    waiting.await
}

fn random() -> u128 {
    Uuid::new_v4().as_u128()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(facts: &Facts) -> (u128, u128) {
        let (elapsed, outside) = facts.elapsed();
        (elapsed.as_millis(), outside.as_millis())
    }

    async fn sleep(ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_tools_beside_one_another_counts_once() {
        let facts = Facts::of_request("r", None);
        let work = async {
            sleep(3).await;
            let tools = [
                outside(sleep(1_000)),
                outside(sleep(4_000)),
                outside(sleep(2_000)),
            ];
            let [one, two, three] = tools;
            tokio::join!(one, two, three);
            sleep(4).await;
            outside(sleep(500)).await;
        };
        facts.scope(work).await;
        assert_eq!(ms(&facts), (4_507, 4_500));
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_of_its_own_is_the_same_work() {
        let facts = Facts::of_request("r", None);
        let work = async {
            let lost = tokio::spawn(outside(sleep(50)));
            let kept = tokio::spawn(carried(async {
                outside(sleep(70)).await;
                current().map(|it| it.trace())
            }));
            lost.await.unwrap();
            kept.await.unwrap()
        };
        assert_eq!(facts.scope(work).await, Some(facts.trace()));
        assert_eq!(ms(&facts), (70, 70));
        assert!(current().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_dropped_in_the_middle_has_ended() {
        let facts = Facts::of_run(Uuid::nil(), None);
        let work = async {
            let patience = Duration::from_millis(30);
            let late = tokio::time::timeout(patience, outside(sleep(9_000))).await;
            assert!(late.is_err());
            sleep(12).await;
        };
        facts.scope(work).await;
        assert_eq!(ms(&facts), (42, 30));
    }

    #[tokio::test]
    async fn each_call_has_a_span_of_its_own_in_the_trace() {
        assert_eq!(handed_on(), None);
        let facts = Facts::of_request("r", None);
        let (one, two) = facts.scope(async { (handed_on(), handed_on()) }).await;
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_ne!(one, two);
        for told in [one, two] {
            assert_eq!(told.as_parent(), facts.trace().as_parent());
        }
        // Many runs are swept; they are not of one trace.
        let swept = Facts::of_sweep().scope(async { handed_on() }).await;
        assert_eq!(swept, None);
    }

    #[test]
    fn counts_are_told_when_there_are_any() {
        let facts = Facts::of_sweep();
        assert_eq!(facts.counted(Metric::RunsCancelled), None);
        assert_eq!(facts.tool_codes(), None);
        facts.count(Metric::RunsCancelled, 2);
        facts.count(Metric::RunsCancelled, 3);
        facts.count(Metric::ModelInputTokens, u64::MAX);
        facts.count(Metric::ModelInputTokens, 1);
        for code in ["timeout", "upstream_error", "timeout"] {
            facts.tool_failed(code);
        }
        assert_eq!(facts.counted(Metric::RunsCancelled), Some(5));
        assert_eq!(facts.counted(Metric::ModelInputTokens), Some(u64::MAX));
        assert_eq!(facts.counted(Metric::ToolFailures), Some(3));
        let told = facts.tool_codes();
        assert_eq!(told.as_deref(), Some("timeout:2 upstream_error:1"));
    }
}
