//! A flow's run as rules about data: its states, its plan, its keys and pauses. What happens in which order is the engine's.

mod key;
mod pause;
mod plan;
mod state;
mod text;

pub use key::{call_key, child_run, execution_hash, input_hash};
pub use pause::{MAX_BACKOFF_MS, pause_ms};
pub use plan::{
    Callee, Effect, Kind, OUTPUT_STEP, Plan, PlanError, PlannedStep, Undo, child_step_id, plan,
};
pub use state::{RunEvent, RunStatus, StepEvent, StepStatus, UnknownStatus};
pub use text::storable;
