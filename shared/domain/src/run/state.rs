//! Which states runs and steps have, and how one becomes another: the table that the statements of the engine follow, and by
//! which a run's recorded events are judged.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The text is no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no state")]
pub struct UnknownStatus(pub String);

macro_rules! status {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every state.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The state as it stands in rows and answers.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownStatus;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|status| status.as_str() == text)
                    .ok_or_else(|| UnknownStatus(text.to_owned()))
            }
        }
    };
}

status! {
    /// How a run stands.
    RunStatus {
        /// Its steps are claimed and run.
        Running = "running",
        /// A step failed: what runs finishes, nothing else is claimed.
        Failing = "failing",
        /// Somebody cancelled it, or its time is over: what runs finishes, nothing else is claimed.
        Cancelling = "cancelling",
        /// What its steps did is being undone.
        Compensating = "compensating",
        /// It has an output.
        Succeeded = "succeeded",
        /// It has an error.
        Failed = "failed",
        /// It was cancelled.
        Cancelled = "cancelled",
    }
}

status! {
    /// How a step stands.
    StepStatus {
        /// What it needs has not ended.
        Waiting = "waiting",
        /// It may be claimed.
        Ready = "ready",
        /// A worker has it; or it sleeps, awaits a signal, its items or its run.
        Running = "running",
        /// It has an output.
        Succeeded = "succeeded",
        /// It has an error.
        Failed = "failed",
        /// Its `when` was false, or what it needs was skipped.
        Skipped = "skipped",
        /// The run stopped before it began.
        Cancelled = "cancelled",
        /// Its call went out, no answer came, and it is not safe to call again.
        Unknown = "unknown",
        /// It succeeded, and was undone.
        Compensated = "compensated",
    }
}

/// What can happen to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunEvent {
    /// A step failed or is unknown, and its `on_error` does not handle it.
    StepFailed,
    /// Somebody cancels it, or its deadline passed.
    Cancel,
    /// No step is open any more, and something is to be undone.
    Undo,
    /// No step is open any more, all went well.
    Complete,
    /// No step is open any more after a failure.
    EndFailed,
    /// No step is open any more after a cancel.
    EndCancelled,
    /// Somebody resumes it.
    Resume,
}

impl RunEvent {
    /// Every event.
    pub const ALL: [Self; 7] = [
        Self::StepFailed,
        Self::Cancel,
        Self::Undo,
        Self::Complete,
        Self::EndFailed,
        Self::EndCancelled,
        Self::Resume,
    ];
}

impl RunStatus {
    /// Whether nothing will happen any more unless somebody resumes it.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    /// Whether a step of it may be claimed; a compensation instead of a step.
    pub const fn claims(self, compensation: bool) -> bool {
        match self {
            Self::Running => !compensation,
            Self::Compensating => compensation,
            Self::Failing | Self::Cancelling | Self::Succeeded | Self::Failed | Self::Cancelled => {
                false
            }
        }
    }

    /// The state after an event; `None` where it cannot happen.
    pub const fn after(self, event: RunEvent) -> Option<Self> {
        match (self, event) {
            (Self::Running, RunEvent::StepFailed) => Some(Self::Failing),
            (Self::Running, RunEvent::Cancel) => Some(Self::Cancelling),
            (Self::Running, RunEvent::Complete) => Some(Self::Succeeded),
            (Self::Failing | Self::Cancelling, RunEvent::Undo) => Some(Self::Compensating),
            (Self::Failing | Self::Compensating, RunEvent::EndFailed) => Some(Self::Failed),
            (Self::Cancelling | Self::Compensating, RunEvent::EndCancelled) => {
                Some(Self::Cancelled)
            }
            (Self::Failed | Self::Cancelled, RunEvent::Resume) => Some(Self::Running),
            _ => None,
        }
    }
}

/// What can happen to a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepEvent {
    /// Everything that it needs has ended.
    Release,
    /// A worker takes it.
    Claim,
    /// It has an output.
    Succeed,
    /// It failed for good.
    Fail,
    /// It failed and will be tried again; or its worker died, and it may be called again.
    Retry,
    /// Its `when` is false, or what it needs was skipped.
    Skip,
    /// The run stopped.
    Cancel,
    /// Its worker died, or its call has no answer, and it is not safe to call again.
    Lose,
    /// Its compensation succeeded.
    Undo,
    /// Its run is resumed.
    Resume,
}

impl StepEvent {
    /// Every event.
    pub const ALL: [Self; 10] = [
        Self::Release,
        Self::Claim,
        Self::Succeed,
        Self::Fail,
        Self::Retry,
        Self::Skip,
        Self::Cancel,
        Self::Lose,
        Self::Undo,
        Self::Resume,
    ];
}

impl StepStatus {
    /// Whether it counts as open: the run goes on.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Ready | Self::Running)
    }

    /// The state after an event; `None` where it cannot happen.
    pub const fn after(self, event: StepEvent) -> Option<Self> {
        match (self, event) {
            (Self::Waiting, StepEvent::Release) => Some(Self::Ready),
            (Self::Waiting | Self::Running, StepEvent::Skip) => Some(Self::Skipped),
            (Self::Waiting | Self::Ready | Self::Running, StepEvent::Cancel) => {
                Some(Self::Cancelled)
            }
            (Self::Ready, StepEvent::Claim) => Some(Self::Running),
            (Self::Running, StepEvent::Succeed) => Some(Self::Succeeded),
            (Self::Running, StepEvent::Fail) => Some(Self::Failed),
            (Self::Running, StepEvent::Retry) => Some(Self::Ready),
            (Self::Running, StepEvent::Lose) => Some(Self::Unknown),
            (Self::Succeeded, StepEvent::Undo) => Some(Self::Compensated),
            (Self::Failed | Self::Cancelled | Self::Unknown, StepEvent::Resume) => {
                Some(Self::Waiting)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_change_as_the_table_says() {
        let mut allowed = Vec::new();
        for from in RunStatus::ALL {
            for event in RunEvent::ALL {
                if let Some(to) = from.after(event) {
                    allowed.push(format!("{from} {event:?} {to}"));
                }
            }
        }
        let expected = [
            "running StepFailed failing",
            "running Cancel cancelling",
            "running Complete succeeded",
            "failing Undo compensating",
            "failing EndFailed failed",
            "cancelling Undo compensating",
            "cancelling EndCancelled cancelled",
            "compensating EndFailed failed",
            "compensating EndCancelled cancelled",
            "failed Resume running",
            "cancelled Resume running",
        ];
        assert_eq!(allowed, expected);
    }

    #[test]
    fn steps_change_as_the_table_says() {
        let mut allowed = Vec::new();
        for from in StepStatus::ALL {
            for event in StepEvent::ALL {
                if let Some(to) = from.after(event) {
                    allowed.push(format!("{from} {event:?} {to}"));
                }
            }
        }
        let expected = [
            "waiting Release ready",
            "waiting Skip skipped",
            "waiting Cancel cancelled",
            "ready Claim running",
            "ready Cancel cancelled",
            "running Succeed succeeded",
            "running Fail failed",
            "running Retry ready",
            "running Skip skipped",
            "running Cancel cancelled",
            "running Lose unknown",
            "succeeded Undo compensated",
            "failed Resume waiting",
            "cancelled Resume waiting",
            "unknown Resume waiting",
        ];
        assert_eq!(allowed, expected);
    }

    #[test]
    fn nothing_is_claimed_once_a_run_stops() {
        for status in RunStatus::ALL {
            assert_eq!(status.claims(false), *status == RunStatus::Running);
            assert_eq!(status.claims(true), *status == RunStatus::Compensating);
            assert_eq!(status.as_str().parse(), Ok(*status));
        }
        assert!("done".parse::<StepStatus>().is_err());
    }
}
