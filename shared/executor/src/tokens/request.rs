//! The requests of token endpoints, built from a tool's auth and the values of its secrets; pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::binding;
use domain::config::{ClientAuth, LoginBody, Method, OAuth2, Template, TokenSource, TwoStep};
use domain::failure::{Failure, FailureCode};
use domain::ids::SecretName;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    USER_AGENT,
};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use crate::credentials::Credentials;
use crate::outbound::Bytes;
use crate::render;

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const AGENT: &str = concat!("tool-executor/", env!("CARGO_PKG_VERSION"));
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// What a token is asked for with, besides the client.
pub(crate) enum Grant<'a> {
    /// The client's own right (RFC 6749, 4.4).
    Client,
    /// RFC 6749, 6.
    Refresh(&'a SecretString),
    /// RFC 6749, 4.1.3, and RFC 7636, 4.5.
    Code {
        code: &'a SecretString,
        redirect_uri: &'a str,
        verifier: &'a SecretString,
    },
}

/// A request to a token endpoint, ready to be sent.
pub(crate) struct Request {
    pub(crate) url: Url,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    /// Values in it that nobody may see.
    pub(crate) seen: Vec<SecretString>,
    /// User names and passwords that Basic joins.
    pub(crate) pairs: Vec<(SecretString, SecretString)>,
}

/// The secrets that a token is obtained with, each once, in order.
pub(crate) fn names(source: &TokenSource) -> Vec<SecretName> {
    let templates = binding::obtaining(source);
    let mut names: Vec<SecretName> = templates
        .into_iter()
        .flat_map(Template::secrets)
        .cloned()
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// A request of an OAuth 2 client.
pub(crate) fn of_client(
    client: &OAuth2,
    grant: &Grant<'_>,
    held: &Credentials,
) -> Result<Request, Failure> {
    let mut request = Request::form_to(client.token_url.url());
    let mut form = Serializer::new(String::new());
    let own = |name: &str| matches!(grant, Grant::Client) && name == "grant_type";
    let stated = client.token_params.iter().any(|(name, _)| own(name));
    match grant {
        Grant::Client => {
            if !stated {
                form.append_pair("grant_type", "client_credentials");
            }
            if !client.scopes.is_empty() {
                form.append_pair("scope", &client.scopes.join(" "));
            }
        }
        Grant::Refresh(refresh) => {
            form.append_pair("grant_type", "refresh_token");
            form.append_pair("refresh_token", refresh.expose_secret());
            request.seen.push((*refresh).clone());
        }
        Grant::Code {
            code,
            redirect_uri,
            verifier,
        } => {
            form.append_pair("grant_type", "authorization_code");
            form.append_pair("code", code.expose_secret());
            form.append_pair("redirect_uri", redirect_uri);
            form.append_pair("code_verifier", verifier.expose_secret());
            request.seen.extend([(*code).clone(), (*verifier).clone()]);
        }
    }
    for (name, value) in &client.token_params {
        if name == "grant_type" && !own(name) {
            continue;
        }
        form.append_pair(name, &render::fill(value, held)?);
    }
    let id = render::fill(&client.client_id, held)?;
    let secret = filled(client.client_secret.as_ref(), held)?;
    request.name_client(client.client_auth, &id, secret.as_deref(), &mut form)?;
    request.body = Some(form.finish().into_bytes().into());
    request.saw(held);
    Ok(request)
}

/// The exchange of an assertion (RFC 7523, 2.1).
pub(crate) fn of_assertion(
    url: &Url,
    assertion: &SecretString,
    params: &[(String, Template)],
    held: &Credentials,
) -> Result<Request, Failure> {
    let mut request = Request::form_to(url);
    let mut form = Serializer::new(String::new());
    if !params.iter().any(|(name, _)| name == "grant_type") {
        form.append_pair("grant_type", JWT_BEARER);
    }
    form.append_pair("assertion", assertion.expose_secret());
    for (name, value) in params {
        form.append_pair(name, &render::fill(value, held)?);
    }
    request.body = Some(form.finish().into_bytes().into());
    request.seen.push(assertion.clone());
    request.saw(held);
    Ok(request)
}

/// A login call.
pub(crate) fn of_login(login: &TwoStep, held: &Credentials) -> Result<Request, Failure> {
    let mut request = Request::to(login.url.url(), login.method);
    let fill = |template: &Template| render::fill(template, held);
    match &login.body {
        LoginBody::None => {}
        LoginBody::Json(body) => {
            request.headers.insert(CONTENT_TYPE, JSON);
            request.body = Some(body.filled(&fill)?.to_string().into_bytes().into());
        }
        LoginBody::Form(fields) => {
            let mut form = Serializer::new(String::new());
            for (name, value) in fields {
                form.append_pair(name, &fill(value)?);
            }
            request.headers.insert(CONTENT_TYPE, FORM);
            request.body = Some(form.finish().into_bytes().into());
        }
    }
    for (name, value) in &login.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unfit(name))?;
        let value = header(&fill(value)?)?;
        request.headers.insert(name, value);
    }
    if let Some((user, password)) = &login.basic {
        request.basic(&fill(user)?, &fill(password)?)?;
    }
    request.saw(held);
    Ok(request)
}

/// The end of a token (RFC 7009, 2.1).
pub(crate) fn of_revocation(
    url: &Url,
    (id, secret): (&str, Option<&str>),
    auth: ClientAuth,
    (token, hint): (&SecretString, &str),
) -> Result<Request, Failure> {
    let mut request = Request::form_to(url);
    let mut form = Serializer::new(String::new());
    form.append_pair("token", token.expose_secret());
    form.append_pair("token_type_hint", hint);
    request.name_client(auth, id, secret, &mut form)?;
    request.body = Some(form.finish().into_bytes().into());
    request.seen.push(token.clone());
    Ok(request)
}

impl Request {
    fn to(url: &Url, method: Method) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, JSON);
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        Self {
            url: url.clone(),
            method,
            headers,
            body: None,
            seen: Vec::new(),
            pairs: Vec::new(),
        }
    }

    fn form_to(url: &Url) -> Self {
        let mut request = Self::to(url, Method::Post);
        request.headers.insert(CONTENT_TYPE, FORM);
        request
    }

    /// RFC 6749, 2.3.1: in `Authorization`, id and secret each form-encoded first; or in the body.
    fn name_client(
        &mut self,
        auth: ClientAuth,
        id: &str,
        secret: Option<&str>,
        form: &mut Serializer<'_, String>,
    ) -> Result<(), Failure> {
        match (auth, secret) {
            (ClientAuth::Basic, Some(secret)) => {
                let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                self.seen.push(secret.into());
                self.basic(&encoded(id), &encoded(secret))
            }
            (ClientAuth::Post, Some(secret)) => {
                form.append_pair("client_id", id);
                form.append_pair("client_secret", secret);
                self.seen.push(secret.into());
                Ok(())
            }
            (ClientAuth::Basic | ClientAuth::Post, None) | (ClientAuth::None, _) => {
                form.append_pair("client_id", id);
                Ok(())
            }
        }
    }

    fn basic(&mut self, user: &str, password: &str) -> Result<(), Failure> {
        let value = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        self.headers.insert(AUTHORIZATION, header(&value)?);
        self.pairs.push((user.into(), password.into()));
        Ok(())
    }

    fn saw(&mut self, held: &Credentials) {
        self.seen
            .extend(held.secrets.iter().map(|(_, value)| value.clone()));
    }
}

fn filled(template: Option<&Template>, held: &Credentials) -> Result<Option<String>, Failure> {
    template
        .map(|template| render::fill(template, held))
        .transpose()
}

fn header(text: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_bytes(text.as_bytes()).map_err(|_| unfit("a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn unfit(what: &str) -> Failure {
    Failure::new(
        FailureCode::SecretMissing,
        format!(
            "A secret of the token request does not fit into {what}: it holds a control character."
        ),
        "Store the secret again without it.",
    )
}
