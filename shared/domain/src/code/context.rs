//! What a code-based tool may ask of the world.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{Answer, Request, ToolError};

/// A call under way.
pub type Calling = Pin<Box<dyn Future<Output = Result<Answer, ToolError>> + Send>>;

/// Handed to each execution. Cheap to clone; of no use after the execution's end.
#[derive(Clone)]
pub struct ToolContext {
    now: DateTime<Utc>,
    call: Arc<dyn Fn(Request) -> Calling + Send + Sync>,
}

impl ToolContext {
    /// A context whose calls are made by this function: the executor's, or a test's.
    pub fn new(
        now: DateTime<Utc>,
        call: impl Fn(Request) -> Calling + Send + Sync + 'static,
    ) -> Self {
        Self {
            now,
            call: Arc::new(call),
        }
    }

    /// When the execution began.
    pub const fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Makes an HTTP call. It is checked, retried, bounded and masked as a call of any tool; all calls of an
    /// execution share its deadline.
    ///
    /// # Errors
    /// The failure that a tool made of a config would end with. A status outside 2xx is one, unless the
    /// request says [`Request::any_status`].
    pub async fn call(&self, request: Request) -> Result<Answer, ToolError> {
        (self.call)(request).await
    }
}

impl fmt::Debug for ToolContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolContext")
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}
