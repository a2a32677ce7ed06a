//! Before an execution goes out: its key is taken, its limits are kept to, and an answer that is there already is used.

use std::sync::Arc;
use std::time::Duration;

use domain::ids::ExecutionId;
use domain::run::Effect;
use persistence::idempotency::{self, Admitted, Asking, Settlement, Watched};
use persistence::limits::Limit;
use tokio::time::Instant;

use super::{Ended, Run};
use crate::cache::{Flight, Found};
use crate::effect::effect;
use crate::error::ExecuteError;
use crate::ledger::{self, Kept, Key, Purpose};
use crate::{input, limits};

/// How long a call waits for another with its key.
const PATIENCE: Duration = Duration::from_secs(5);
/// An execution is taken for dead so long after its deadline: time for its record to be written.
const GRACE: Duration = Duration::from_secs(3);
/// When somebody who waited in vain may try again.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// The first and the longest pause between two looks at another's execution.
const LOOKS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// What an execution has taken and must give back.
#[derive(Default)]
pub(super) struct Admission {
    pub(super) key: Option<Key>,
    pub(super) limit: Option<Limit>,
    /// Others in this process wait for the answer.
    pub(super) flight: Option<Flight>,
}

impl Admission {
    /// Whether something stands in the database.
    pub(super) fn is_held(&self) -> bool {
        self.key.is_some() || self.limit.is_some()
    }

    /// How it ends: with an outcome that is kept, or by giving the key back.
    pub(super) fn settlement<'s>(
        &'s self,
        outcome: Option<&'s (String, Duration)>,
    ) -> Settlement<'s> {
        Settlement {
            claim: self.key.as_ref().map(|key| &key.claim),
            outcome: outcome.map(|(text, ttl)| (text.as_str(), *ttl)),
            limit: self.limit.as_ref(),
        }
    }
}

/// An answer that was there already.
pub(crate) enum Given {
    /// Of the execution that had this key.
    Replayed(ExecutionId, Box<Kept>),
    /// That execution's process died, and to make the call again might do it twice.
    Unknown(ExecutionId),
    /// Of an execution that asked the same.
    Cached(Arc<Kept>),
}

impl Run<'_> {
    /// Takes what the execution needs to go out. `Some` is an answer that is there already: nothing goes out then.
    pub(super) async fn admitted(&mut self) -> Result<Option<Given>, Ended> {
        // A mock makes no call: it uses no key up, whose real call is yet to come.
        if self.tool.config.mock.is_some() {
            return Ok(None);
        }
        let identity = ledger::identity(self.caller, &self.tool.config);
        let key = match self.key_text() {
            Some(text) => {
                let repeatable = self.is_repeatable();
                let key = ledger::once(self.tool, &text, identity, &self.input, repeatable);
                self.key_text = Some(text);
                Some(key)
            }
            None => ledger::cache(self.tool, identity, &self.input),
        };
        if let Some(key) = key.as_ref().filter(|key| key.purpose == Purpose::Cache) {
            let question = (self.caller.workspace_id, key.claim.request_hash);
            if let Some(kept) = self.lead(question).await {
                self.timeline.mark("cache");
                return Ok(Some(Given::Cached(kept)));
            }
        }
        let limit = limits::of(&self.tool.id, self.tool.config.limits);
        if key.is_none() && limit.is_none() {
            return Ok(None);
        }
        let given = self.admit(key, limit).await;
        self.timeline.mark("admit");
        given
    }

    /// The key that this execution has: its caller's, or the one that the tool's `key_fields` make.
    fn key_text(&self) -> Option<String> {
        if let Some(key) = &self.options.idempotency_key {
            return Some(key.clone());
        }
        let config = &self.tool.config;
        ledger::derived(
            config.idempotency.as_ref()?,
            self.caller.workspace_id,
            &self.tool.id,
            ledger::identity(self.caller, config),
            &input::members(&self.input),
        )
    }

    /// Whether the whole execution may be made again after its process died.
    fn is_repeatable(&self) -> bool {
        match effect(self.tool) {
            Effect::Read | Effect::Keyed => true,
            Effect::Unsafe => false,
        }
    }

    /// The answer of this process's cache or of a call that is under way in it; `None` when this execution is the
    /// one that asks.
    async fn lead(&mut self, question: crate::cache::Question) -> Option<Arc<Kept>> {
        loop {
            match self.executor.answers.find(question, Instant::now()) {
                Found::Answer(kept) => return Some(kept),
                Found::Lead(flight) => {
                    self.admission.flight = Some(flight);
                    return None;
                }
                Found::Follow(follower) => {
                    if let Some(kept) = follower.landed().await {
                        return Some(kept);
                    }
                }
            }
        }
    }

    /// Takes key and limit in one round trip, and waits where another execution has the key.
    async fn admit(
        &mut self,
        key: Option<Key>,
        limit: Option<Limit>,
    ) -> Result<Option<Given>, Ended> {
        let end = self.ends_at();
        // Held from before it is asked for: whoever is cut short gives back what may have been taken.
        self.admission.key = key;
        self.admission.limit = limit;
        loop {
            let lease = end.saturating_duration_since(Instant::now()) + GRACE;
            let executor = self.executor;
            let claim = self.admission.key.as_ref().map(|key| &key.claim);
            let limit = self.admission.limit.as_ref();
            let admitted = idempotency::admit(&executor.db, self.asking(), lease, claim, limit);
            let given = match admitted.await.map_err(database)? {
                Admitted::Go => return Ok(None),
                Admitted::Kept(kept) => self.given(&kept)?,
                Admitted::Unknown(id) => Given::Unknown(id),
                Admitted::Reused => return Err(self.denied(ExecuteError::KeyReused)),
                Admitted::Limited { by, retry_after } => {
                    let error = limits::exceeded(by, limit, retry_after);
                    return Err(self.denied(error));
                }
                Admitted::Running(flight) => match self.look(flight).await? {
                    Some(given) => given,
                    None => continue,
                },
            };
            self.admission = Admission::default();
            return Ok(Some(given));
        }
    }

    /// Waits for another's execution; `None` when it gave the key back or died.
    async fn look(&mut self, flight: ExecutionId) -> Result<Option<Given>, Ended> {
        let Some(key) = self.admission.key.clone() else {
            return Ok(None);
        };
        // Who waits for an answer to all waits until its own deadline.
        let patience = match key.purpose {
            Purpose::Cache => None,
            Purpose::Once => Some(self.ends_at().min(self.timeline.started() + PATIENCE)),
        };
        let mut pause = LOOKS.0;
        loop {
            if patience.is_some_and(|patience| Instant::now() + pause >= patience) {
                return Err(self.denied(ExecuteError::InProgress {
                    retry_after: RETRY_AFTER,
                }));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LOOKS.1);
            let db = &self.executor.db;
            let watched = idempotency::watch(db, self.asking(), flight, &key.claim).await;
            match watched.map_err(database)? {
                Watched::Kept(kept) => return self.given(&kept).map(Some),
                Watched::Unknown => return Ok(Some(Given::Unknown(flight))),
                Watched::Running => {}
                Watched::Gone => return Ok(None),
            }
        }
    }

    /// What the ledger kept; if it is an answer for many, those of this process are told too.
    fn given(&mut self, stored: &idempotency::Kept) -> Result<Given, Ended> {
        let kept = ledger::read(&stored.outcome).map_err(|error| {
            database(persistence::Error::Corrupt(format!(
                "a kept answer: {error}"
            )))
        })?;
        let purpose = self.admission.key.as_ref().map(|key| key.purpose);
        Ok(match purpose {
            Some(Purpose::Cache) => {
                let kept = Arc::new(kept);
                if let Some(flight) = self.admission.flight.take() {
                    let until = Some(Instant::now() + stored.left);
                    flight.land(&kept, stored.outcome.len(), until);
                }
                Given::Cached(kept)
            }
            Some(Purpose::Once) | None => Given::Replayed(stored.execution_id, Box::new(kept)),
        })
    }

    pub(super) fn asking(&self) -> Asking<'_> {
        Asking {
            principal: &self.caller.principal,
            workspace_id: self.caller.workspace_id,
            execution_id: self.id,
        }
    }

    /// Nothing was taken, and nothing goes out.
    fn denied(&mut self, error: ExecuteError) -> Ended {
        self.admission = Admission::default();
        Ended::Refused(error)
    }
}

fn database(error: persistence::Error) -> Ended {
    Ended::Refused(ExecuteError::Database(error))
}
