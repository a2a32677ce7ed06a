//! Finds out who is asking, in which workspace, in one trip to the database.

use std::sync::Arc;

use domain::caller::{Caller, Principal};
use persistence::{Db, Entry, KeyEntry, Membership};

use crate::api_key;
use crate::clock::Clock;
use crate::error::{AuthError, Reason};
use crate::rules::TokenRules;
use crate::verifier::Verifier;

/// No id and no slug is longer.
const MAX_SELECTOR_BYTES: usize = 128;

/// Finds out who is asking. Cheap to clone; all clones share what they know of tokens and keys.
#[derive(Clone)]
pub struct Authenticator(Arc<Inner>);

struct Inner {
    db: Db,
    verifier: Verifier,
}

impl Authenticator {
    /// An authenticator for this database and these rules, by the system's clock.
    pub fn new(db: Db, rules: TokenRules) -> Self {
        Self::with_clock(db, rules, Clock::system())
    }

    /// The same by another clock.
    pub fn with_clock(db: Db, rules: TokenRules, clock: Clock) -> Self {
        let verifier = Verifier::new(rules, clock);
        Self(Arc::new(Inner { db, verifier }))
    }

    /// Who is asking in which workspace: the one that `selector` names by id or slug, else the
    /// caller's only one.
    ///
    /// # Errors
    /// Any [`AuthError`] but [`AuthError::MissingToken`].
    pub async fn enter(&self, bearer: &str, selector: Option<&str>) -> Result<Caller, AuthError> {
        if api_key::is_api_key(bearer) {
            let (principal, membership) = self.enter_with_key(bearer, selector).await?;
            return Ok(caller(principal, &membership));
        }
        let (principal, entry) = self.enter_as_person(bearer, selector).await?;
        match entry {
            Entry::Member(membership) => Ok(caller(principal, &membership)),
            Entry::NoWorkspace => Err(AuthError::NoWorkspace),
            Entry::Several => Err(AuthError::WorkspaceRequired),
            Entry::NotFound | Entry::Deleted(_) => Err(AuthError::WorkspaceNotFound),
            Entry::Disabled => Err(Reason::AccountDisabled.into()),
        }
    }

    /// The same for the one operation in a workspace that is deleted, restoring it; only its owners get so far.
    ///
    /// # Errors
    /// As of [`Self::enter`].
    pub async fn enter_deleted(&self, bearer: &str, selector: &str) -> Result<Caller, AuthError> {
        if !api_key::is_api_key(bearer)
            && let (principal, Entry::Deleted(membership)) =
                self.enter_as_person(bearer, Some(selector)).await?
        {
            return Ok(caller(principal, &membership));
        }
        self.enter(bearer, Some(selector)).await
    }

    async fn enter_as_person(
        &self,
        bearer: &str,
        selector: Option<&str>,
    ) -> Result<(Principal, Entry), AuthError> {
        let principal = self.0.verifier.verify(bearer).await?;
        let entry = self.0.db.enter(&principal, possible(selector)?).await?;
        Ok((principal, entry))
    }

    /// Who is asking, for the few operations that need no workspace, such as making the first one.
    ///
    /// # Errors
    /// [`AuthError::InvalidToken`], [`AuthError::KeysUnavailable`] or [`AuthError::Database`].
    pub async fn principal(&self, bearer: &str) -> Result<Principal, AuthError> {
        if api_key::is_api_key(bearer) {
            let (principal, _) = self.enter_with_key(bearer, None).await?;
            return Ok(principal);
        }
        let principal = self.0.verifier.verify(bearer).await?;
        match self.0.db.enter(&principal, None).await? {
            Entry::Disabled => Err(Reason::AccountDisabled.into()),
            Entry::Member(_)
            | Entry::Deleted(_)
            | Entry::NoWorkspace
            | Entry::Several
            | Entry::NotFound => Ok(principal),
        }
    }

    async fn enter_with_key(
        &self,
        bearer: &str,
        selector: Option<&str>,
    ) -> Result<(Principal, Membership), AuthError> {
        let hash = api_key::hash(bearer).ok_or(Reason::UnknownApiKey)?;
        let possible = possible(selector);
        // A bad key is told before a bad selector.
        let wanted = possible.as_ref().ok().copied().flatten();
        match self.0.db.enter_with_key(&hash, wanted).await? {
            KeyEntry::Member {
                principal,
                membership,
            } => possible.map(|_| (principal, membership)),
            KeyEntry::NotFound => Err(AuthError::WorkspaceNotFound),
            KeyEntry::Unknown => Err(Reason::UnknownApiKey.into()),
        }
    }
}

/// A selector that could name a workspace.
fn possible(selector: Option<&str>) -> Result<Option<&str>, AuthError> {
    match selector {
        Some(text) if text.is_empty() || text.len() > MAX_SELECTOR_BYTES || text.contains('\0') => {
            Err(AuthError::WorkspaceNotFound)
        }
        Some(_) | None => Ok(selector),
    }
}

/// The caller; a key never has more rights than it was made with.
fn caller(principal: Principal, membership: &Membership) -> Caller {
    let role = principal
        .key
        .as_ref()
        .map_or(membership.role, |key| membership.role.min(key.role));
    Caller {
        principal,
        workspace_id: membership.workspace_id,
        role,
        catalog_revision: membership.catalog_revision,
    }
}
