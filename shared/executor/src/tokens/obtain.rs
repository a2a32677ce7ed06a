//! The token of one call: the connection's own, or a new one that this or another process gets.

use std::time::Duration;

use chrono::Utc;
use domain::config::{ConnectionOwner, JwtBearer, TokenAuth, TokenSource};
use domain::failure::{Failure, FailureCode};
use domain::retry::Policy;
use persistence::tokens::TokenUse;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;
use vault::{Claim, Taken};

use super::ask::Asking;
use super::refresh::{LEASE_SECONDS, Refresh};
use super::request;
use super::settings::Named;
use crate::attempt::random;
use crate::credentials::{self, Credentials};
use crate::exchange::Exchange;
use crate::run::Ended;
use crate::timeline::Timeline;

/// How somebody else's refresh is waited for; the deadline ends it.
const WAITING: Policy = Policy {
    max_attempts: u32::MAX,
    base: Duration::from_millis(50),
    cap: Duration::from_millis(500),
};

/// Refreshes that one call may make: the second is for a token that was ended while the first was kept.
const MOST_CLAIMS: u32 = 2;

/// Which token is wanted.
pub(crate) struct Wanted<'a> {
    pub(crate) auth: &'a TokenAuth,
    /// Where the call goes: the host as secrets are bound to it.
    pub(crate) host: &'a str,
    /// The token that the upstream has just refused.
    pub(crate) refused: Option<&'a SecretString>,
}

/// Answers a token that is good now. It is hidden from then on in whatever leaves.
///
/// # Errors
/// Why there is none; `auth_failed` says what a person has to do.
pub(crate) async fn obtain(
    exchange: &Exchange<'_>,
    wanted: &Wanted<'_>,
    timeline: &mut Timeline,
) -> Result<SecretString, Ended> {
    let token = match &wanted.auth.source {
        TokenSource::JwtBearer(jwt) if jwt.token_url.is_none() => {
            made_here(exchange, jwt, wanted).await?
        }
        source => taken(exchange, source, wanted).await?,
    };
    exchange.trace.saw([token.clone()], None);
    timeline.mark("token");
    Ok(token)
}

/// The assertion itself is the token: nobody is asked for it.
async fn made_here(
    exchange: &Exchange<'_>,
    jwt: &JwtBearer,
    wanted: &Wanted<'_>,
) -> Result<SecretString, Ended> {
    let names = request::names(&wanted.auth.source);
    let purpose = vault::Use {
        tool_id: exchange.tool_id.as_str(),
        execution_id: exchange.execution_id,
        host: wanted.host,
    };
    let vault = &exchange.executor.vault;
    let opened = vault.open_for_use(exchange.caller, &names, purpose).await;
    let held = Credentials {
        secrets: opened.map_err(credentials::refused)?,
        token: None,
    };
    let values = held.secrets.iter().map(|(_, value)| value.clone());
    exchange.trace.saw(values, None);
    Ok(credentials::jwt::assertion(jwt, &held.secrets, Utc::now())?)
}

async fn taken(
    exchange: &Exchange<'_>,
    source: &TokenSource,
    wanted: &Wanted<'_>,
) -> Result<SecretString, Ended> {
    let named = Named::of(source, exchange.tool_id);
    // A person's consent says itself where its tokens may go; other tokens go where their secrets may.
    let names = match source {
        TokenSource::AuthorizationCode(_) => Vec::new(),
        TokenSource::ClientCredentials(_) | TokenSource::JwtBearer(_) | TokenSource::TwoStep(_) => {
            request::names(source)
        }
    };
    let secrets: Vec<&str> = names.iter().map(domain::ids::SecretName::as_str).collect();
    let (mut stale, mut waited, mut claims, mut rounds) = (None, false, 0, 1);
    loop {
        let purpose = TokenUse {
            secrets: &secrets,
            stale,
            waited,
            lease: Uuid::new_v4(),
            lease_seconds: LEASE_SECONDS,
            tool_id: exchange.tool_id,
            execution_id: exchange.execution_id,
            host: wanted.host,
        };
        let vault = &exchange.executor.vault;
        let since = Instant::now();
        let taken = vault
            .take_token(exchange.caller, named.key(), &names, purpose)
            .await;
        match taken.map_err(credentials::refused)? {
            Taken::Ready(token, version) => {
                let refused = wanted.refused.is_some_and(|it| same(it, &token));
                if !refused || stale.is_some() {
                    return Ok(token);
                }
                stale = Some(version);
            }
            Taken::Claimed(claim) if claims < MOST_CLAIMS => {
                claims += 1;
                refresh(exchange, source, claim, since, stale.is_some()).await?;
                stale = None;
            }
            Taken::Claimed(claim) => return Err(ended_at_once(exchange, &claim).await.into()),
            Taken::Failed(why) => {
                let told = serde_json::from_value::<Failure>(why);
                return Err(told.unwrap_or_else(|_| not_refreshed()).into());
            }
            Taken::Busy => {
                waited = true;
                let left = exchange.deadline.saturating_duration_since(Instant::now());
                let pause = WAITING.pause(rounds, random(), None, left);
                let pause = tokio::time::sleep(pause.ok_or_else(not_refreshed)?);
                telemetry::outside(pause).await;
                rounds += 1;
            }
            Taken::Absent => return Err(nobody(exchange, source, "is not connected yet")),
            Taken::Pending => return Err(nobody(exchange, source, "waits for a person's consent")),
            Taken::Expired => return Err(nobody(exchange, source, "has expired at its provider")),
            Taken::Revoked => return Err(nobody(exchange, source, "was ended")),
            Taken::NotForHost => return Err(not_for_host(exchange, source, wanted.host)),
        }
    }
}

/// Runs the refresh to its end, even when this call does not wait for it: what the provider gave would be lost.
async fn refresh(
    exchange: &Exchange<'_>,
    source: &TokenSource,
    claim: Claim,
    since: Instant,
    forced: bool,
) -> Result<(), Ended> {
    let refresh = Refresh {
        asking: Asking {
            executor: exchange.executor.clone(),
            caller: exchange.caller.clone(),
            tool_id: exchange.tool_id.clone(),
            execution_id: exchange.execution_id,
        },
        source: source.clone(),
        claim,
        since,
        forced,
    };
    let running = tokio::spawn(telemetry::carried(refresh.run()));
    let waiting = tokio::time::timeout_at(exchange.deadline, running);
    match telemetry::outside(waiting).await {
        Ok(Ok(refreshed)) => {
            exchange.trace.saw(refreshed.seen, None);
            refreshed.result
        }
        Ok(Err(_)) | Err(_) => Err(not_refreshed().into()),
    }
}

/// Tokens that are over as soon as they are given.
async fn ended_at_once(exchange: &Exchange<'_>, claim: &Claim) -> Failure {
    let failure = Failure::new(
        FailureCode::AuthFailed,
        "The provider's tokens end as soon as they are given.",
        "Check the provider's clock and the lifetime of its tokens.",
    );
    let why = serde_json::to_value(&failure).unwrap_or_default();
    let vault = &exchange.executor.vault;
    if let Err(error) = vault
        .release_claim(exchange.caller, claim, &why, false)
        .await
    {
        tracing::warn!(%error, connection_id = %claim.id, "a claim ends by itself");
    }
    failure
}

pub(super) fn not_refreshed() -> Failure {
    Failure::new(
        FailureCode::Timeout,
        "The token was not refreshed before the deadline.",
        "Call again; the refresh goes on meanwhile.",
    )
}

fn nobody(exchange: &Exchange<'_>, source: &TokenSource, state: &str) -> Ended {
    let whose = match source {
        TokenSource::AuthorizationCode(code) if code.per == ConnectionOwner::Workspace => {
            "The workspace's connection of this tool"
        }
        TokenSource::AuthorizationCode(_) => "Your connection of this tool",
        TokenSource::ClientCredentials(_) | TokenSource::JwtBearer(_) | TokenSource::TwoStep(_) => {
            "The connection of this tool"
        }
    };
    let hint = match source {
        TokenSource::AuthorizationCode(code) if code.per == ConnectionOwner::Workspace => {
            "An admin connects it: POST /api/v1/connections with the tool_id, then open the connect_url."
        }
        TokenSource::AuthorizationCode(_)
        | TokenSource::ClientCredentials(_)
        | TokenSource::JwtBearer(_)
        | TokenSource::TwoStep(_) => {
            "Connect it: POST /api/v1/connections with the tool_id, then open the connect_url."
        }
    };
    let failure = Failure::new(FailureCode::AuthFailed, format!("{whose} {state}."), hint);
    connect(failure, exchange.tool_id.as_str()).into()
}

fn not_for_host(exchange: &Exchange<'_>, source: &TokenSource, host: &str) -> Ended {
    let name = Named::of(source, exchange.tool_id).name;
    let failure = Failure::new(
        FailureCode::EgressBlocked,
        format!("The connection {name} was not made for calls to {host}."),
        "Its tokens go only to the hosts of tools that it was connected for: connect it again for this tool, if you trust the host.",
    )
    .detail("host", host);
    connect(failure, exchange.tool_id.as_str()).into()
}

/// The failure with the way to a new consent, told in its hint.
pub(crate) fn connect_again(mut failure: Failure, tool_id: &str) -> Failure {
    failure.hint =
        "Connect again: POST /api/v1/connections with the tool_id, then open the connect_url."
            .to_owned();
    connect(failure, tool_id)
}

/// The failure with the request that begins a consent.
fn connect(failure: Failure, tool_id: &str) -> Failure {
    failure.detail(
        "connect",
        json!({ "method": "POST", "path": "/api/v1/connections", "body": { "tool_id": tool_id } }),
    )
}

fn same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret() == other.expose_secret()
}
