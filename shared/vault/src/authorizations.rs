//! Consents under way: what must be known when a person comes back, and what the provider gave until the person confirms.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use domain::caller::{Caller, Principal};
use domain::ids::{ConnectionId, ToolId, UserId, WorkspaceId};
use persistence::audit::{self, NewAudit};
use persistence::authorizations::{self, NewAuthorization};
use persistence::connections::{self, ConnectionKey, ConnectionMeta, NewToken};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::connections::{Granted, Tokens, row_of, seal_json, sealed};
use crate::error::Error;
use crate::seal::authorization_context;
use crate::vault::Vault;

/// A consent that begins.
#[derive(Clone, Copy, Debug)]
pub struct Beginning<'a> {
    /// The connection that is to get the tokens.
    pub key: ConnectionKey<'a>,
    /// The tool that it is begun for.
    pub tool_id: &'a ToolId,
    /// SHA-256 of the state.
    pub state_hash: &'a [u8; 32],
    /// The PKCE code verifier (RFC 7636, 4.1).
    pub verifier: &'a SecretString,
    /// Where the provider sends the person back to.
    pub redirect_uri: &'a str,
    /// Where the tool's calls go: the host as secrets are bound to it.
    pub host: &'a str,
}

/// A consent that has begun.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    /// The connection.
    pub connection_id: ConnectionId,
    /// Until when the consent can be given.
    pub expires_at: DateTime<Utc>,
}

/// Somebody came back with a good state.
#[derive(Debug)]
pub struct Returned {
    /// The consent.
    pub id: Uuid,
    /// Where.
    pub workspace_id: WorkspaceId,
    /// What people call that workspace.
    pub workspace_name: String,
    /// Who began.
    pub started_by: UserId,
    /// That person's e-mail address.
    pub email: Option<String>,
    /// The tool that it was begun for.
    pub tool_id: String,
    /// SHA-256 of the settings that it was begun with.
    pub fingerprint: Vec<u8>,
    /// The PKCE code verifier.
    pub verifier: SecretString,
    /// Where the provider was told to send the person.
    pub redirect_uri: String,
    /// Where the tool's calls went when it began.
    pub host: String,
}

/// What came of confirming.
#[derive(Clone, Debug)]
pub enum Confirmed {
    /// It is connected.
    Connected(Box<ConnectionMeta>),
    /// Nothing waits to be confirmed.
    Nothing,
    /// That is not the code that the page showed.
    WrongCode,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    verifier: String,
    redirect_uri: String,
    host: String,
}

#[derive(Serialize, Deserialize)]
struct Answered {
    access: String,
    refresh: Option<String>,
    scopes: Option<Vec<String>>,
    /// Unix time, in seconds.
    ends: Option<f64>,
    code: String,
    host: String,
}

impl Vault {
    /// Begins a consent for the caller; an older one of the caller's for the same connection ends.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for a connection of the workspace below admin; the database's.
    pub async fn begin_authorization(
        &self,
        caller: &Caller,
        beginning: Beginning<'_>,
    ) -> Result<Begun, Error> {
        let (workspace, person) = (caller.workspace_id, caller.principal.user_id);
        let (data_key_id, key) = self.token_key(&caller.principal, workspace).await?;
        let id = Uuid::now_v7();
        let kept = Kept {
            verifier: beginning.verifier.expose_secret().to_owned(),
            redirect_uri: beginning.redirect_uri.to_owned(),
            host: beginning.host.to_owned(),
        };
        let sealed = seal_json(
            &key,
            &authorization_context(workspace.0, id, b"begun"),
            &kept,
        )?;
        let owner = beginning.key.personal.then_some(person);
        let mut tx = self.begin(caller).await?;
        let connection_id = connections::start(&mut tx, workspace, beginning.key, owner).await?;
        authorizations::forget(&mut tx, workspace, person, connection_id).await?;
        let new = NewAuthorization {
            id,
            connection_id,
            tool_id: beginning.tool_id,
            state_hash: beginning.state_hash,
            sealed: row_of(&sealed, data_key_id),
        };
        let expires_at = authorizations::begin(&mut tx, workspace, &new).await?;
        let entry = NewAudit {
            workspace_id: workspace,
            actor: Some(person),
            action: "connection.create",
            subject_kind: "connection",
            subject: &connection_id.to_string(),
            detail: json!({
                "name": beginning.key.name,
                "tool_id": beginning.tool_id.as_str(),
                "owner": if beginning.key.personal { "user" } else { "workspace" },
                "authorization_id": id,
            }),
        };
        audit::append(&mut tx, &entry).await?;
        tx.commit().await?;
        Ok(Begun {
            connection_id,
            expires_at,
        })
    }

    /// Takes a state, once; `None` for one that is unknown, used or too old. That it was taken stands in the
    /// audit before anything is opened.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Sealed`].
    pub async fn take_authorization(
        &self,
        state_hash: &[u8; 32],
    ) -> Result<Option<Returned>, Error> {
        let Some(taken) = authorizations::take(self.db(), state_hash).await? else {
            return Ok(None);
        };
        let workspace = taken.workspace_id;
        let kept: Kept = {
            let sealed = taken.sealed.as_ref().ok_or_else(unreadable)?;
            let context = authorization_context(workspace.0, taken.id, b"begun");
            let bytes = self.open_row(workspace, &context, sealed)?;
            serde_json::from_slice(&bytes).map_err(|_| unreadable())?
        };
        Ok(Some(Returned {
            id: taken.id,
            workspace_id: workspace,
            workspace_name: taken.workspace_name,
            started_by: taken.started_by,
            email: taken.email,
            tool_id: taken.tool_id,
            fingerprint: taken.fingerprint,
            verifier: kept.verifier.into(),
            redirect_uri: kept.redirect_uri,
            host: kept.host,
        }))
    }

    /// Keeps what the provider gave until the one who began confirms with `code`; then it may go to `host`. False
    /// when that is no longer waited for.
    ///
    /// # Errors
    /// The database's.
    pub async fn answer_authorization(
        &self,
        caller: &Caller,
        id: Uuid,
        granted: &Granted,
        code: &str,
        host: &str,
    ) -> Result<bool, Error> {
        let workspace = caller.workspace_id;
        let (data_key_id, key) = self.token_key(&caller.principal, workspace).await?;
        let refresh = granted.tokens.refresh.as_ref();
        let answered = Answered {
            access: granted.tokens.access.expose_secret().to_owned(),
            refresh: refresh.map(|refresh| refresh.expose_secret().to_owned()),
            scopes: granted.scopes.clone(),
            ends: granted.lifetime.map(|lifetime| now() + lifetime),
            code: code.to_owned(),
            host: host.to_owned(),
        };
        let context = authorization_context(workspace.0, id, b"answered");
        let sealed = seal_json(&key, &context, &answered)?;
        let mut tx = self.begin(caller).await?;
        let row = row_of(&sealed, data_key_id);
        let kept = authorizations::answer(&mut tx, workspace, id, row).await?;
        tx.commit().await?;
        Ok(kept)
    }

    /// Gives the connection what its provider answered, if the caller began that and knows the code which the
    /// page showed. A code is guessed five times at most.
    ///
    /// # Errors
    /// The database's.
    pub async fn confirm_authorization(
        &self,
        caller: &Caller,
        connection: ConnectionId,
        code: &str,
    ) -> Result<Confirmed, Error> {
        let (principal, workspace) = (&caller.principal, caller.workspace_id);
        let taken =
            authorizations::take_answer(self.db(), principal, workspace, connection).await?;
        let Some(taken) = taken else {
            return Ok(Confirmed::Nothing);
        };
        let answered: Answered = {
            let sealed = taken.sealed.as_ref().ok_or_else(unreadable)?;
            let context = authorization_context(workspace.0, taken.id, b"answered");
            let bytes = self.open_row(workspace, &context, sealed)?;
            serde_json::from_slice(&bytes).map_err(|_| unreadable())?
        };
        if !same(answered.code.as_bytes(), code.as_bytes()) {
            return Ok(Confirmed::WrongCode);
        }
        let tokens = Tokens {
            access: answered.access.into(),
            refresh: answered.refresh.map(SecretString::from),
        };
        let (data_key_id, key) = self.token_key(principal, workspace).await?;
        let sealed = sealed(&key, workspace, connection, taken.version + 1, &tokens)?;
        let token = NewToken {
            id: connection,
            lease: Uuid::nil(),
            from_version: taken.version,
            sealed: row_of(&sealed, data_key_id),
            scopes: answered.scopes.as_deref(),
            lifetime: answered.ends.map(|ends| (ends - now()).max(1.0)),
        };
        self.connect(caller, &token, &answered.host, &taken.tool_id)
            .await
    }

    async fn connect(
        &self,
        caller: &Caller,
        token: &NewToken<'_>,
        host: &str,
        tool_id: &str,
    ) -> Result<Confirmed, Error> {
        let (workspace, person) = (caller.workspace_id, caller.principal.user_id);
        let mut tx = self.begin(caller).await?;
        if !connections::connect(&mut tx, workspace, token, host).await? {
            return Ok(Confirmed::Nothing);
        }
        authorizations::forget(&mut tx, workspace, person, token.id).await?;
        let entry = NewAudit {
            workspace_id: workspace,
            actor: Some(person),
            action: "connection.connect",
            subject_kind: "connection",
            subject: &token.id.to_string(),
            detail: json!({ "tool_id": tool_id, "host": host, "version": token.from_version + 1 }),
        };
        audit::append(&mut tx, &entry).await?;
        let meta = connections::by_id(&mut tx, workspace, token.id).await?;
        tx.commit().await?;
        Ok(meta.map_or(Confirmed::Nothing, |meta| {
            Confirmed::Connected(Box::new(meta))
        }))
    }

    /// Who began a consent, as somebody who acts: with the rights that the person has now.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the person is no member any more.
    pub async fn caller_of(&self, returned: &Returned) -> Result<Caller, Error> {
        let principal = Principal::user(returned.started_by, returned.email.clone());
        let workspace = returned.workspace_id.to_string();
        match self.db().enter(&principal, Some(&workspace)).await? {
            persistence::Entry::Member(place) => Ok(Caller {
                principal,
                workspace_id: place.workspace_id,
                role: place.role,
                catalog_revision: place.catalog_revision,
            }),
            persistence::Entry::NoWorkspace
            | persistence::Entry::Several
            | persistence::Entry::NotFound
            | persistence::Entry::Deleted(_)
            | persistence::Entry::Disabled => Err(Error::Forbidden),
        }
    }
}

fn unreadable() -> Error {
    Error::Sealed("a stored consent cannot be read".to_owned())
}

/// Unix time, in seconds.
fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs_f64()
}

/// Compares without telling by the time it takes how much was right.
fn same(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0, |all, (a, b)| all | (a ^ b));
    one.len() == other.len() && differences == 0
}
