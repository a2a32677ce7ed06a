//! Tokens at rest: taken for one use that is already in the audit, refreshed by whoever holds the lease, kept sealed.

use domain::caller::{Caller, Principal};
use domain::ids::{ConnectionId, SecretName, WorkspaceId};
use persistence::audit::{self, NewAudit};
use persistence::connections::{self, ConnectionKey, ConnectionMeta, NewToken};
use persistence::tokens::{self, HeldToken, SealedRow, TakenToken, TokenUse};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::seal::{self, KeyBytes, Sealed, token_context};
use crate::token_hosts::may_go;
use crate::vault::Vault;

/// What a provider gave for one connection.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// What calls are made with.
    pub access: SecretString,
    /// What the next one is got with.
    pub refresh: Option<SecretString>,
}

/// New tokens and what was said about them.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The tokens.
    pub tokens: Tokens,
    /// What was granted, if it was said.
    pub scopes: Option<Vec<String>>,
    /// Seconds that the access token lives, if it was said.
    pub lifetime: Option<f64>,
}

/// What came of asking for a token.
#[derive(Debug)]
pub enum Taken {
    /// Here it is, with its version.
    Ready(SecretString, i32),
    /// The caller is to get a new one.
    Claimed(Claim),
    /// Somebody else is getting a new one.
    Busy,
    /// That somebody failed, and told this.
    Failed(Value),
    /// There is no such connection.
    Absent,
    /// Nobody has given the consent yet.
    Pending,
    /// The provider takes the tokens no more.
    Expired,
    /// It was ended.
    Revoked,
    /// The person has not consented to this host.
    NotForHost,
}

/// The right, for a while, to get a connection's next tokens.
#[derive(Debug)]
pub struct Claim {
    /// The connection.
    pub id: ConnectionId,
    /// The tokens so far.
    pub tokens: Option<Tokens>,
    /// Why no token may be got for the host that it is wanted for.
    pub denied: Option<Error>,
    lease: Uuid,
    version: i32,
}

/// A connection that was ended.
#[derive(Debug)]
pub struct Ended {
    /// Where its tokens came from.
    pub settings: Value,
    /// The tokens that it had.
    pub tokens: Option<Tokens>,
}

/// Tokens as they are written before they are sealed.
#[derive(Serialize)]
struct Written<'a> {
    access: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh: Option<&'a str>,
}

#[derive(Deserialize)]
struct Read {
    access: String,
    refresh: Option<String>,
}

impl Vault {
    /// The connection's token for one use, or the right to get a new one. The use stands in the audit, durably,
    /// before anything is opened.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: then nothing may be sent; [`Error::Missing`] and [`Error::HostNotAllowed`] of the
    /// secrets that the token was made from; [`Error::Forbidden`] below member; [`Error::Sealed`].
    pub async fn take_token(
        &self,
        caller: &Caller,
        key: ConnectionKey<'_>,
        names: &[SecretName],
        purpose: TokenUse<'_>,
    ) -> Result<Taken, Error> {
        let workspace = caller.workspace_id;
        let taken = tokens::take(self.db(), &caller.principal, workspace, key, purpose).await?;
        let held = match taken {
            TakenToken::Busy => return Ok(Taken::Busy),
            TakenToken::Failed(why) => return Ok(Taken::Failed(why)),
            TakenToken::Absent => return Ok(Taken::Absent),
            TakenToken::Pending => return Ok(Taken::Pending),
            TakenToken::Expired => return Ok(Taken::Expired),
            TakenToken::Revoked => return Ok(Taken::Revoked),
            TakenToken::Claimed(held) => {
                let denied = match may_go(&held, names, purpose.host) {
                    Ok(true) => None,
                    Ok(false) => return self.not_for_host(caller, &held, purpose.lease).await,
                    Err(error) => Some(error),
                };
                let tokens = match &held.sealed {
                    Some(sealed) => Some(self.opened(workspace, &held, sealed)?),
                    None => None,
                };
                return Ok(Taken::Claimed(Claim {
                    id: held.id,
                    tokens,
                    denied,
                    lease: purpose.lease,
                    version: held.version,
                }));
            }
            TakenToken::Ready(held) => held,
        };
        if !may_go(&held, names, purpose.host)? {
            return Ok(Taken::NotForHost);
        }
        let Some(sealed) = &held.sealed else {
            return Err(Error::Sealed("a connection without tokens".to_owned()));
        };
        let tokens = self.opened(workspace, &held, sealed)?;
        Ok(Taken::Ready(tokens.access, held.version))
    }

    /// Nothing is to be refreshed for a host that the person did not consent to.
    async fn not_for_host(
        &self,
        caller: &Caller,
        held: &HeldToken,
        lease: Uuid,
    ) -> Result<Taken, Error> {
        let claim = (held.id, lease, held.version);
        let (principal, workspace) = (&caller.principal, caller.workspace_id);
        tokens::release(self.db(), principal, workspace, claim, &Value::Null, false).await?;
        Ok(Taken::NotForHost)
    }

    /// Keeps what was got under a claim, durably. False when the claim is another's by now or the connection was
    /// ended. May be asked again after an error.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: it may be kept all the same.
    pub async fn keep_tokens(
        &self,
        caller: &Caller,
        claim: &Claim,
        granted: &Granted,
    ) -> Result<bool, Error> {
        let (principal, workspace) = (&caller.principal, caller.workspace_id);
        let version = claim.version + 1;
        let (data_key_id, key) = self.token_key(principal, workspace).await?;
        let sealed = sealed(&key, workspace, claim.id, version, &granted.tokens)?;
        let token = NewToken {
            id: claim.id,
            lease: claim.lease,
            from_version: claim.version,
            sealed: row_of(&sealed, data_key_id),
            scopes: granted.scopes.as_deref(),
            lifetime: granted.lifetime,
        };
        Ok(tokens::save(self.db(), principal, workspace, &token).await?)
    }

    /// Ends a claim under which nothing was got; whoever waits is told `why`. `gone`: the provider takes the
    /// tokens no more, so they are forgotten.
    ///
    /// # Errors
    /// The database's.
    pub async fn release_claim(
        &self,
        caller: &Caller,
        claim: &Claim,
        why: &Value,
        gone: bool,
    ) -> Result<(), Error> {
        let (principal, workspace) = (&caller.principal, caller.workspace_id);
        let claim = (claim.id, claim.lease, claim.version);
        tokens::release(self.db(), principal, workspace, claim, why, gone).await?;
        Ok(())
    }

    /// The connections that the caller may see, after the given one.
    ///
    /// # Errors
    /// The database's.
    pub async fn connections(
        &self,
        caller: &Caller,
        after: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<ConnectionMeta>, Error> {
        let mut tx = self.begin(caller).await?;
        let page = connections::page(&mut tx, caller.workspace_id, after, limit).await?;
        tx.commit().await?;
        Ok(page)
    }

    /// One connection, if the caller may see it.
    ///
    /// # Errors
    /// The database's.
    pub async fn connection(
        &self,
        caller: &Caller,
        id: ConnectionId,
    ) -> Result<Option<ConnectionMeta>, Error> {
        let mut tx = self.begin(caller).await?;
        let found = connections::by_id(&mut tx, caller.workspace_id, id).await?;
        tx.commit().await?;
        Ok(found)
    }

    /// Ends a connection: from now on nobody gets its tokens. They are answered this last time, so that the
    /// provider can be told. `None` when there is none that the caller may end.
    ///
    /// # Errors
    /// The database's.
    pub async fn end_connection(
        &self,
        caller: &Caller,
        id: ConnectionId,
    ) -> Result<Option<Ended>, Error> {
        let (principal, workspace) = (&caller.principal, caller.workspace_id);
        let Some(ended) = tokens::revoke(self.db(), principal, workspace, id).await? else {
            return Ok(None);
        };
        let tokens = ended.sealed.as_ref().and_then(|sealed| {
            let opened = self.open_tokens(workspace, id, ended.version, sealed);
            // It is ended either way; then the provider alone is not told.
            opened
                .inspect_err(
                    |error| tracing::error!(%error, "an ended connection cannot be opened"),
                )
                .ok()
        });
        Ok(Some(Ended {
            settings: ended.settings,
            tokens,
        }))
    }

    /// Deletes a connection; nothing of it stays but the audit.
    ///
    /// # Errors
    /// The database's.
    pub async fn delete_connection(
        &self,
        caller: &Caller,
        id: ConnectionId,
    ) -> Result<bool, Error> {
        let mut tx = self.begin(caller).await?;
        let deleted = connections::delete(&mut tx, caller.workspace_id, id).await?;
        if deleted {
            let entry = NewAudit {
                workspace_id: caller.workspace_id,
                actor: Some(caller.principal.user_id),
                action: "connection.delete",
                subject_kind: "connection",
                subject: &id.to_string(),
                detail: json!({}),
            };
            audit::append(&mut tx, &entry).await?;
        }
        tx.commit().await?;
        Ok(deleted)
    }

    /// The data key that seals the workspace's new tokens; made when it has none yet.
    pub(crate) async fn token_key(
        &self,
        principal: &Principal,
        workspace: WorkspaceId,
    ) -> Result<(Uuid, KeyBytes), Error> {
        let db = self.db();
        let stored = match tokens::sealing_key(db, principal, workspace, None).await? {
            Some(stored) => stored,
            None => {
                let made = self.wrapped_key(workspace)?;
                // Of two made at once, the one that was stored counts.
                tokens::sealing_key(db, principal, workspace, Some(&made))
                    .await?
                    .ok_or_else(|| Error::Sealed("the workspace has no data key".to_owned()))?
            }
        };
        let key = self.opening_key(workspace, &stored)?;
        Ok((stored.id, key))
    }

    fn opened(
        &self,
        workspace: WorkspaceId,
        held: &HeldToken,
        sealed: &SealedRow,
    ) -> Result<Tokens, Error> {
        self.open_tokens(workspace, held.id, held.version, sealed)
    }

    fn open_tokens(
        &self,
        workspace: WorkspaceId,
        id: ConnectionId,
        version: i32,
        sealed: &SealedRow,
    ) -> Result<Tokens, Error> {
        let context = token_context(workspace.0, id.0, version);
        let bytes = self.open_row(workspace, &context, sealed)?;
        let read: Read = serde_json::from_slice(&bytes)
            .map_err(|_| Error::Sealed(format!("the tokens of connection {id} are no tokens")))?;
        Ok(Tokens {
            access: read.access.into(),
            refresh: read.refresh.map(SecretString::from),
        })
    }

    /// Opens what a row of ours holds.
    pub(crate) fn open_row(
        &self,
        workspace: WorkspaceId,
        context: &[u8],
        sealed: &SealedRow,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let key = self.opening_key(workspace, &sealed.data_key)?;
        seal::open(&key, context, &sealed.nonce, &sealed.ciphertext)
            .map_err(|_| Error::Sealed("a stored connection was changed".to_owned()))
    }
}

/// Seals tokens for the version that they will have.
pub(crate) fn sealed(
    key: &KeyBytes,
    workspace: WorkspaceId,
    id: ConnectionId,
    version: i32,
    tokens: &Tokens,
) -> Result<Sealed, Error> {
    let written = Written {
        access: tokens.access.expose_secret(),
        refresh: tokens.refresh.as_ref().map(ExposeSecret::expose_secret),
    };
    seal_json(key, &token_context(workspace.0, id.0, version), &written)
}

/// Seals something that can be written as JSON.
pub(crate) fn seal_json(
    key: &KeyBytes,
    context: &[u8],
    value: &impl Serialize,
) -> Result<Sealed, Error> {
    let plain = serde_json::to_vec(value)
        .map(Zeroizing::new)
        .map_err(|error| Error::Sealed(error.to_string()))?;
    seal::seal(key, context, &plain).map_err(|error| Error::Sealed(error.to_string()))
}

/// As a row keeps it.
pub(crate) fn row_of(sealed: &Sealed, data_key_id: Uuid) -> persistence::secrets::Sealed<'_> {
    persistence::secrets::Sealed {
        nonce: &sealed.nonce,
        ciphertext: &sealed.ciphertext,
        data_key_id,
    }
}
