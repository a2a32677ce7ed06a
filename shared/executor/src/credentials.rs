//! The secrets of one call: which are named, where they may go, and how they are hidden again.

mod hmac;
pub(crate) mod jwt;
mod shown;
mod signer;
mod sigv4;

use domain::binding;
use domain::config::Auth;
use domain::failure::{Failure, FailureCode};
use domain::ids::SecretName;
use domain::request::Draft;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;
use vault::mask::Masker;

use crate::error::ExecuteError;
use crate::exchange::Exchange;
use crate::render;
use crate::run::Ended;
use crate::timeline::Timeline;
use crate::tokens;

pub(crate) use shown::show;
pub(crate) use signer::Signer;

/// What a call is made with.
pub(crate) struct Credentials {
    /// Every secret that the request names or is signed with.
    pub(crate) secrets: Vec<(SecretName, SecretString)>,
    /// The token that was obtained for the tool's auth.
    pub(crate) token: Option<SecretString>,
}

impl Credentials {
    fn same(&self, other: &Self) -> bool {
        let same = |a: &SecretString, b: &SecretString| a.expose_secret() == b.expose_secret();
        let token = match (&self.token, &other.token) {
            (None, None) => true,
            (Some(mine), Some(theirs)) => same(mine, theirs),
            (None, Some(_)) | (Some(_), None) => false,
        };
        let mut pairs = self.secrets.iter().zip(&other.secrets);
        token
            && self.secrets.len() == other.secrets.len()
            && pairs.all(|((name, a), (other, b))| name == other && same(a, b))
    }
}

/// The secrets that a call needs at its own host, each once.
pub(crate) fn names(draft: &Draft, auth: &Auth) -> Vec<SecretName> {
    let signing = binding::signing(auth);
    let mut names: Vec<SecretName> = draft.secrets().chain(signing).cloned().collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// How fresh a credential has to be.
#[derive(Clone, Copy)]
pub(crate) enum Freshness<'a> {
    /// One that is kept in memory will do.
    Kept,
    /// Read past every cache: the upstream refused this one.
    Anew(&'a Credentials),
}

/// Reads the secrets: the destination is checked first, and the use is recorded before any is read.
pub(crate) async fn obtain(
    exchange: &Exchange<'_>,
    draft: &Draft,
    auth: &Auth,
    freshness: Freshness<'_>,
    timeline: &mut Timeline,
) -> Result<Credentials, Ended> {
    let names = names(draft, auth);
    let wants_token = matches!(auth, Auth::Token(_));
    if names.is_empty() && !wants_token {
        return Ok(Credentials {
            secrets: Vec::new(),
            token: None,
        });
    }
    check_destination(exchange, draft)?;
    let host = host_and_port(draft);
    let secrets = match names.is_empty() {
        true => Vec::new(),
        false => opened(exchange, draft, &names, &host, freshness, timeline).await?,
    };
    let token = match auth {
        Auth::Token(auth) => {
            let refused = match freshness {
                Freshness::Kept => None,
                Freshness::Anew(held) => held.token.as_ref(),
            };
            let host = &host;
            let wanted = tokens::Wanted {
                auth,
                host,
                refused,
            };
            Some(tokens::obtain(exchange, &wanted, timeline).await?)
        }
        Auth::None
        | Auth::ApiKeyHeader { .. }
        | Auth::ApiKeyQuery { .. }
        | Auth::ApiKeyCookie { .. }
        | Auth::Bearer { .. }
        | Auth::Basic { .. }
        | Auth::Custom { .. }
        | Auth::Hmac(_)
        | Auth::AwsSigV4(_) => None,
    };
    Ok(Credentials { secrets, token })
}

async fn opened(
    exchange: &Exchange<'_>,
    draft: &Draft,
    names: &[SecretName],
    host: &str,
    freshness: Freshness<'_>,
    timeline: &mut Timeline,
) -> Result<Vec<(SecretName, SecretString)>, Ended> {
    let for_use = vault::Use {
        tool_id: exchange.tool_id.as_str(),
        execution_id: exchange.execution_id,
        host,
    };
    let vault = &exchange.executor.vault;
    let opened = match freshness {
        Freshness::Kept => vault.open_for_use(exchange.caller, names, for_use).await,
        Freshness::Anew(_) => vault.open_fresh(exchange.caller, names, for_use).await,
    };
    let secrets = opened.map_err(refused)?;
    let pair = basic_pair(&secrets, draft);
    let values = secrets.iter().map(|(_, value)| value.clone());
    exchange.trace.saw(values, pair);
    timeline.mark("secrets");
    Ok(secrets)
}

/// The credential once more after the upstream refused it, past every cache; `None` when it is still the same.
pub(crate) async fn renew(
    exchange: &Exchange<'_>,
    draft: &Draft,
    auth: &Auth,
    held: &Credentials,
    timeline: &mut Timeline,
) -> Result<Option<Credentials>, Ended> {
    if held.secrets.is_empty() && held.token.is_none() {
        return Ok(None);
    }
    let fresh = obtain(exchange, draft, auth, Freshness::Anew(held), timeline).await?;
    Ok((!held.same(&fresh)).then_some(fresh))
}

fn check_destination(exchange: &Exchange<'_>, draft: &Draft) -> Result<(), Failure> {
    let blocked = |why: String| {
        Failure::new(
            FailureCode::EgressBlocked,
            format!("The destination is not allowed: {why}."),
            "Tools reach public HTTPS hosts; a private upstream needs the operator's EGRESS_ALLOW.",
        )
    };
    let url = Url::parse(&render::url_without_query(draft))
        .map_err(|error| blocked(error.to_string()))?;
    let outbound = &exchange.executor.outbound;
    outbound.check(&url).map_err(|refused| blocked(refused.0))
}

/// The host as secrets are bound to it: with its port unless that is 443.
pub(crate) fn host_and_port(draft: &Draft) -> String {
    match draft.port {
        443 => draft.host.clone(),
        port => format!("{}:{port}", draft.host),
    }
}

/// The pair that Basic joins.
fn basic_pair(
    secrets: &[(SecretName, SecretString)],
    draft: &Draft,
) -> Option<(SecretString, SecretString)> {
    let (username, password) = draft.basic.as_ref()?;
    let held = Credentials {
        secrets: secrets.to_vec(),
        token: None,
    };
    let username = render::fill(username, &held).ok()?;
    let password = render::fill(password, &held).ok()?;
    Some((username.into(), password.into()))
}

/// Hides the secrets in an outcome.
pub(crate) fn mask(masker: &Masker, outcome: &mut Result<Value, Failure>) {
    match outcome {
        Ok(output) => masker.value(output),
        Err(failure) => {
            failure.message = masker.text(&failure.message).into_owned();
            failure.hint = masker.text(&failure.hint).into_owned();
            failure
                .details
                .values_mut()
                .for_each(|detail| masker.value(detail));
        }
    }
}

/// What a call ends with when its secrets cannot be had.
pub(crate) fn refused(error: vault::Error) -> Ended {
    match error {
        vault::Error::Missing { names } => {
            let listed: Vec<String> = names.iter().map(|name| format!("${{{name}}}")).collect();
            let listed = listed.join(", ");
            Failure::new(
                FailureCode::SecretMissing,
                format!("The workspace has no secret {listed}."),
                "Store it with POST /api/v1/secrets, then call again.",
            )
            .detail(
                "secrets",
                names.iter().map(SecretName::as_str).collect::<Vec<_>>(),
            )
            .into()
        }
        vault::Error::HostNotAllowed { name, host } => Failure::new(
            FailureCode::EgressBlocked,
            format!("The secret ${{{name}}} may not be sent to {host}."),
            "An admin can add the host to the secret's allowed_hosts.",
        )
        .detail("secret", name.as_str())
        .detail("host", host)
        .into(),
        vault::Error::Sealed(why) => {
            tracing::error!(why, "a stored secret cannot be opened");
            Failure::new(
                FailureCode::SecretMissing,
                "A secret of this tool is stored but cannot be opened.",
                "Store it again; the operator's log says why.",
            )
            .into()
        }
        error @ vault::Error::StoreUnavailable(_) => {
            Ended::Refused(ExecuteError::SecretStoreUnavailable(error))
        }
        error @ (vault::Error::Invalid(_)
        | vault::Error::Exists
        | vault::Error::NotFound
        | vault::Error::Busy
        | vault::Error::ProviderInUse { .. }
        | vault::Error::Forbidden
        | vault::Error::Unavailable(_)
        | vault::Error::Database(_)) => Ended::Refused(ExecuteError::AuditUnavailable(error)),
    }
}
