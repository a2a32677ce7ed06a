//! What nobody else sees to: lost messages, dead workers, waits that are over, deadlines, ends that were not told. It only moves
//! rows and sends messages, keeps no memory, and any number may run at once.

use domain::ids::WorkspaceId;
use persistence::Error;
use persistence::flow_sweep::{self, SweptRun};
use serde_json::json;
use uuid::Uuid;

use crate::told::count_end;
use crate::{Flows, Hint};

/// Due steps that one round looks at.
const STEPS: i32 = 1_000;
/// Flows with waiting runs that one round looks at.
const HELD: i32 = 100;
/// Runs that one round forgets, and how many days after their end.
const FORGOTTEN: i32 = 20;
const DAYS: i32 = 90;

/// What one round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowsSwept {
    /// Hints that were sent again.
    pub resent: usize,
    /// Steps whose worker was lost.
    pub recovered: usize,
    /// Steps whose wait is over.
    pub woken: usize,
    /// Runs that ended by this.
    pub ended: usize,
    /// Runs that were forgotten, long after their end.
    pub forgotten: usize,
    /// Runs that another sweep had in hand, or that could not be changed.
    pub passed_over: usize,
    /// Whether something will be due within a minute.
    pub open: bool,
}

impl FlowsSwept {
    /// Whether there was nothing to do.
    pub const fn is_idle(&self) -> bool {
        self.resent + self.recovered + self.woken + self.ended + self.forgotten + self.passed_over
            == 0
    }

    fn add(&mut self, swept: &SweptRun) {
        let count = |number: Option<i32>| usize::try_from(number.unwrap_or_default()).unwrap_or(0);
        self.resent += count(swept.resent);
        self.recovered += count(swept.recovered);
        self.woken += count(swept.woken);
        match swept.state.as_deref() {
            None => self.passed_over += 1,
            Some(state) => {
                if count_end(state) {
                    self.ended += 1;
                }
            }
        }
    }
}

impl Flows {
    /// One round. A run that cannot be changed does not keep the others from it.
    ///
    /// # Errors
    /// The database cannot be asked what is due.
    pub async fn sweep(&self) -> Result<FlowsSwept, Error> {
        let mut swept = FlowsSwept::default();
        for (run, steps) in flow_sweep::due(&self.db, STEPS).await? {
            if let Err(error) = self.sweep_run(run, &steps, &mut swept).await {
                tracing::error!(%run, error = &error as &dyn std::error::Error, "a run is not swept");
                swept.passed_over += 1;
            }
        }
        // The sign of life says that runs are swept; what is done besides must not silence it.
        let detail =
            json!({ "resent": swept.resent, "recovered": swept.recovered, "woken": swept.woken });
        swept.open = flow_sweep::done(&self.db, &detail).await?;
        self.admit_held().await?;
        let forgotten = flow_sweep::forget(&self.db, DAYS, FORGOTTEN).await?;
        swept.forgotten = usize::try_from(forgotten).unwrap_or_default();
        Ok(swept)
    }

    /// Lets runs begin whose place became free without anybody telling them.
    async fn admit_held(&self) -> Result<(), Error> {
        for (workspace, flow) in flow_sweep::held(&self.db, HELD).await? {
            if let Err(error) = self.admit(workspace, &flow).await {
                let error = &error as &dyn std::error::Error;
                tracing::error!(%workspace, flow, error, "no run of this flow is admitted");
            }
        }
        Ok(())
    }

    async fn sweep_run(
        &self,
        run: Uuid,
        steps: &[String],
        swept: &mut FlowsSwept,
    ) -> Result<(), Error> {
        let turned = flow_sweep::run(&self.db, run, steps, self.resend).await?;
        swept.add(&turned);
        self.send_owed(turned.owed.as_deref()).await?;
        if let (Some(run_id), Some(step_id)) = (turned.parent_run, turned.parent_step) {
            self.send([Hint::new(run_id, step_id)]).await;
        }
        Ok(())
    }

    /// Lets waiting runs of a flow begin, as far as its limit allows.
    pub(crate) async fn admit(&self, workspace: WorkspaceId, flow: &str) -> Result<(), Error> {
        let owed = flow_sweep::admit(&self.db, workspace, flow, self.resend).await?;
        self.send_owed(owed.as_deref()).await
    }
}
