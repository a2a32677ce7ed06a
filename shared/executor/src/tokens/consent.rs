//! The way of a person through a provider's pages (RFC 6749, 4.1, with PKCE): begun, come back, confirmed, ended.
//!
//! The one who comes back is nobody to us: the state says only whose consent this is. So what the provider gives waits
//! until the one who began says the code that the page showed (`docs/decisions/0010-connections.md`).

use chrono::{DateTime, Utc};
use domain::binding;
use domain::caller::{Caller, Role};
use domain::config::{Auth, AuthorizationCode, ConnectionOwner, Template, TokenSource};
use domain::failure::Failure;
use domain::fault::Fault;
use domain::ids::{ConnectionId, ExecutionId, SecretName, ToolId};
use persistence::connections::ConnectionMeta;
use registry::CompiledTool;
use secrecy::SecretString;
use tokio::time::Instant;
use vault::{Beginning, Confirmed, Granted, Returned};

use super::answer;
use super::ask::{Asking, WITHIN};
use super::authorization::{authorization_url, check_issuer, confirmation_code, hash, random_text};
use super::request::{self, Grant};
use super::settings::{Named, Revocation};
use crate::error::ExecuteError;
use crate::execute::Executor;
use crate::render;
use crate::run::Ended;

/// A consent that has begun.
#[derive(Clone, Debug)]
pub struct Link {
    /// The connection that is to get the tokens.
    pub connection_id: ConnectionId,
    /// What the person opens.
    pub url: String,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

/// Somebody comes back from a provider (RFC 6749, 4.1.2; RFC 9207).
#[derive(Clone, Debug, Default)]
pub struct Arrival {
    /// `state`.
    pub state: String,
    /// `code`.
    pub code: Option<SecretString>,
    /// `error` and `error_description`.
    pub error: Option<(String, String)>,
    /// `iss`.
    pub issuer: Option<String>,
}

/// A consent that waits to be confirmed: what the page says.
#[derive(Clone, Debug)]
pub struct Consent {
    /// What the one who began has to say.
    pub code: String,
    /// The tool's display name.
    pub tool: String,
    /// The workspace's.
    pub workspace: String,
    /// Who began: the e-mail address.
    pub person: Option<String>,
    /// Where the tool's calls go.
    pub host: String,
}

/// Why a consent could not be begun, confirmed or ended.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The request asks for what cannot be.
    #[error("the connection cannot be made so")]
    Invalid(Vec<Fault>),
    /// There is nothing of this id.
    #[error("there is no such connection")]
    NotFound,
    /// An API key is no person.
    #[error("a person gives a consent, not an API key")]
    NeedsPerson,
    /// The workspace's own connections are for admins.
    #[error("a connection of the whole workspace is made by an admin")]
    NeedsAdmin,
    /// Nothing waits to be confirmed.
    #[error(
        "no consent waits to be confirmed: it was not given yet, took too long, or the code was wrong too often"
    )]
    NothingToConfirm,
    /// The tool could not be read.
    #[error(transparent)]
    Tool(#[from] ExecuteError),
    /// The vault's.
    #[error(transparent)]
    Vault(#[from] vault::Error),
}

/// Why the one who came back is shown an error.
#[derive(Debug, thiserror::Error)]
pub enum ConsentError {
    /// The state is unknown, used or too old.
    #[error("this link is unknown, was used already, or is too old")]
    Unknown,
    /// The tool or its auth is not what it was at the beginning, or the person is no member any more.
    #[error("the tool was changed meanwhile")]
    Changed,
    /// The provider or the person said no.
    #[error("the provider refused: {error}")]
    Denied {
        /// `error`.
        error: String,
        /// `error_description`.
        description: String,
    },
    /// The answer is not from the provider that was asked.
    #[error("the answer does not come from the provider that was asked")]
    WrongIssuer,
    /// No code came with it.
    #[error("the provider sent no code")]
    NoCode,
    /// The code could not be changed for tokens.
    #[error("the provider gave no token")]
    Failed(Box<Failure>),
    /// The vault's.
    #[error(transparent)]
    Vault(#[from] vault::Error),
}

impl Executor {
    /// Begins a consent for the tool's connection.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn connect(
        &self,
        caller: &Caller,
        tool_id: &ToolId,
        owner: Option<ConnectionOwner>,
        redirect_uri: &str,
    ) -> Result<Link, ConnectError> {
        if caller.principal.key.is_some() {
            return Err(ConnectError::NeedsPerson);
        }
        let tool = self.tool(caller, tool_id).await?;
        let (source, code) = consented(&tool).ok_or_else(|| {
            let message =
                "the auth of this tool needs no consent: only oauth2_authorization_code does";
            ConnectError::Invalid(vec![Fault::new("/tool_id", "not_connectable", message)])
        })?;
        if owner.is_some_and(|owner| owner != code.per) {
            let message = match code.per {
                ConnectionOwner::User => {
                    "each person connects this tool (auth.oauth2.per is \"user\")"
                }
                ConnectionOwner::Workspace => {
                    "this tool is connected for the workspace (auth.oauth2.per is \"workspace\")"
                }
            };
            let fault = Fault::new("/for", "not_connectable", message).hint("leave it out");
            return Err(ConnectError::Invalid(vec![fault]));
        }
        if code.per == ConnectionOwner::Workspace && caller.role < Role::Admin {
            return Err(ConnectError::NeedsAdmin);
        }
        let host = binding::host(&tool.config).ok_or_else(|| {
            let message =
                "where the tool's calls go is not certain: a variable of its host has no value";
            let fault = Fault::new("/tool_id", "not_connectable", message)
                .hint("give the connection variable in the host a value or a default");
            ConnectError::Invalid(vec![fault])
        })?;
        let (state, verifier) = (random_text()?, random_text()?);
        let url = authorization_url(code, redirect_uri, &state, &verifier)?;
        let named = Named::of(source, tool_id);
        let beginning = Beginning {
            key: named.key(),
            tool_id,
            state_hash: &hash(&state),
            verifier: &verifier,
            redirect_uri,
            host: &host,
        };
        let begun = self.vault.begin_authorization(caller, beginning).await?;
        Ok(Link {
            connection_id: begun.connection_id,
            url,
            expires_at: begun.expires_at,
        })
    }

    /// Takes what a provider sends back, gets the tokens, and keeps them until the one who began confirms.
    ///
    /// # Errors
    /// See [`ConsentError`].
    pub async fn consented(&self, arrival: Arrival) -> Result<Consent, ConsentError> {
        let hash = hash(&SecretString::from(arrival.state.as_str()));
        let returned = self.vault.take_authorization(&hash).await?;
        let returned = returned.ok_or(ConsentError::Unknown)?;
        let caller = match self.vault.caller_of(&returned).await {
            Ok(caller) => caller,
            Err(vault::Error::Forbidden) => return Err(ConsentError::Changed),
            Err(error) => return Err(error.into()),
        };
        let tool_id: ToolId = returned
            .tool_id
            .parse()
            .map_err(|_| ConsentError::Changed)?;
        let tool = match self.tool(&caller, &tool_id).await {
            Ok(tool) => tool,
            Err(ExecuteError::Database(error)) => {
                return Err(ConsentError::Vault(vault::Error::from(error)));
            }
            Err(_) => return Err(ConsentError::Changed),
        };
        let (source, code) = consented(&tool).ok_or(ConsentError::Changed)?;
        if Named::of(source, &tool_id).fingerprint.as_slice() != returned.fingerprint {
            return Err(ConsentError::Changed);
        }
        let host = binding::host(&tool.config).filter(|host| *host == returned.host);
        let host = host.ok_or(ConsentError::Changed)?;
        check_issuer(arrival.issuer.as_deref(), code)?;
        if let Some((error, description)) = arrival.error {
            return Err(ConsentError::Denied { error, description });
        }
        let given = arrival.code.ok_or(ConsentError::NoCode)?;
        let asking = Asking {
            executor: self.clone(),
            caller,
            tool_id,
            // No execution needs this token: in the audit the consent itself stands for one.
            execution_id: ExecutionId(returned.id),
        };
        let granted = exchange(&asking, source, code, &returned, &given).await?;
        let shown = confirmation_code()?;
        let kept = self
            .vault
            .answer_authorization(&asking.caller, returned.id, &granted, &shown, &host)
            .await?;
        if !kept {
            return Err(ConsentError::Unknown);
        }
        Ok(Consent {
            code: format!("{}-{}", &shown[..4], &shown[4..]),
            tool: tool.config.name.clone(),
            workspace: returned.workspace_name,
            person: returned.email,
            host,
        })
    }

    /// The one who began says the code that the page showed: the connection gets its tokens.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn confirm(
        &self,
        caller: &Caller,
        id: ConnectionId,
        code: &str,
    ) -> Result<ConnectionMeta, ConnectError> {
        if caller.principal.key.is_some() {
            return Err(ConnectError::NeedsPerson);
        }
        if self.vault.connection(caller, id).await?.is_none() {
            return Err(ConnectError::NotFound);
        }
        let code: String = code
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_uppercase())
            .collect();
        match self.vault.confirm_authorization(caller, id, &code).await? {
            Confirmed::Connected(meta) => Ok(*meta),
            Confirmed::Nothing => Err(ConnectError::NothingToConfirm),
            Confirmed::WrongCode => {
                let message = "this is not the code that the page showed";
                let fault = Fault::new("/code", "wrong_code", message)
                    .hint("after five wrong ones the consent has to be given again");
                Err(ConnectError::Invalid(vec![fault]))
            }
        }
    }

    /// Ends a connection: its tokens are forgotten at once, and the provider is told as far as it can be.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn disconnect(&self, caller: &Caller, id: ConnectionId) -> Result<(), ConnectError> {
        let ended = self.vault.end_connection(caller, id).await?;
        let ended = ended.ok_or(ConnectError::NotFound)?;
        if let (Some(tokens), Some(revocation)) = (&ended.tokens, Revocation::read(&ended.settings))
        {
            let told = self.tell(caller, id, &revocation, tokens).await;
            if told.is_none() {
                tracing::warn!(connection_id = %id, "the provider was not told that a connection has ended");
            }
        }
        self.vault.delete_connection(caller, id).await?;
        Ok(())
    }

    /// RFC 7009: the refresh token first, since most providers end its access tokens with it.
    async fn tell(
        &self,
        caller: &Caller,
        id: ConnectionId,
        revocation: &Revocation,
        tokens: &vault::Tokens,
    ) -> Option<()> {
        let asking = Asking {
            executor: self.clone(),
            caller: caller.clone(),
            tool_id: "connection".parse().ok()?,
            execution_id: ExecutionId(id.0),
        };
        let templates = [&revocation.client_id]
            .into_iter()
            .chain(&revocation.client_secret);
        let mut names: Vec<SecretName> = templates.flat_map(Template::secrets).cloned().collect();
        names.sort_unstable();
        names.dedup();
        let held = asking.secrets(&revocation.url, &names).await.ok()?;
        let client_id = render::fill(&revocation.client_id, &held).ok()?;
        let secret = revocation.client_secret.as_ref();
        let secret = secret
            .map(|secret| render::fill(secret, &held))
            .transpose()
            .ok()?;
        let deadline = Instant::now() + WITHIN;
        let all = tokens.refresh.iter().map(|token| (token, "refresh_token"));
        for token in all.chain([(&tokens.access, "access_token")]) {
            let client = (client_id.as_str(), secret.as_deref());
            let auth = revocation.client_auth;
            let request = request::of_revocation(&revocation.url, client, auth, token).ok()?;
            asking.send(request, true, deadline).await.ok()?;
        }
        Some(())
    }
}

/// The tool's auth, if a person has to consent to it.
fn consented(tool: &CompiledTool) -> Option<(&TokenSource, &AuthorizationCode)> {
    match &tool.config.api.auth {
        Auth::Token(token) => match &token.source {
            source @ TokenSource::AuthorizationCode(code) => Some((source, code)),
            TokenSource::ClientCredentials(_)
            | TokenSource::JwtBearer(_)
            | TokenSource::TwoStep(_) => None,
        },
        Auth::None
        | Auth::ApiKeyHeader { .. }
        | Auth::ApiKeyQuery { .. }
        | Auth::ApiKeyCookie { .. }
        | Auth::Bearer { .. }
        | Auth::Basic { .. }
        | Auth::Custom { .. }
        | Auth::Hmac(_)
        | Auth::AwsSigV4(_) => None,
    }
}

/// The code is good once: the request is repeated only where nothing of it was sent.
async fn exchange(
    asking: &Asking,
    source: &TokenSource,
    code: &AuthorizationCode,
    returned: &Returned,
    given: &SecretString,
) -> Result<Granted, ConsentError> {
    let failed = |failure: Failure| ConsentError::Failed(Box::new(failure));
    let names = request::names(source);
    let held = asking.secrets(code.client.token_url.url(), &names).await;
    let held = held.map_err(|ended| match ended {
        Ended::Failed(failure) => ConsentError::Failed(failure),
        Ended::Refused(ExecuteError::AuditUnavailable(error)) => ConsentError::Vault(error),
        Ended::Refused(_) => ConsentError::Changed,
    })?;
    let grant = Grant::Code {
        code: given,
        redirect_uri: &returned.redirect_uri,
        verifier: &returned.verifier,
    };
    let request = request::of_client(&code.client, &grant, &held).map_err(failed)?;
    let answered = asking.send(request, false, Instant::now() + WITHIN).await;
    let answered = answered.map_err(|refusal| failed(refusal.failure))?;
    answer::granted(&answered.body, &answered.masker).map_err(|refusal| failed(refusal.failure))
}
