//! What a code-based tool may ask of the world.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Answer, Request, ToolError};
use crate::rest::Rest;

/// A call under way.
pub type Calling = Pin<Box<dyn Future<Output = Result<Answer, ToolError>> + Send>>;

/// A look for what is kept.
pub type Looking = Pin<Box<dyn Future<Output = Result<Option<Vec<Rest>>, ToolError>> + Send>>;

/// Handed to each execution. Cheap to clone; of no use after the execution's end.
#[derive(Clone)]
pub struct ToolContext {
    now: DateTime<Utc>,
    call: Arc<dyn Fn(Request) -> Calling + Send + Sync>,
    kept: Option<Arc<dyn Fn(Uuid) -> Looking + Send + Sync>>,
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
            kept: None,
        }
    }

    /// The same context, where this function finds what is kept. Without it nothing is.
    #[must_use]
    pub fn with_kept(mut self, kept: impl Fn(Uuid) -> Looking + Send + Sync + 'static) -> Self {
        self.kept = Some(Arc::new(kept));
        self
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

    /// What was taken out of an earlier output of the workspace and is kept under this id: until a day is over, and only
    /// in the workspace of the caller.
    ///
    /// # Errors
    /// It could not be looked for.
    pub async fn kept(&self, id: Uuid) -> Result<Option<Vec<Rest>>, ToolError> {
        match &self.kept {
            Some(kept) => kept(id).await,
            None => Ok(None),
        }
    }
}

impl fmt::Debug for ToolContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolContext")
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}
