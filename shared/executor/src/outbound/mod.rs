//! The only way out: every URL that a user gave is called through here, and through every check there is.
//!
//! A destination is checked as a URL (scheme, name, port, literal address), then as the addresses its
//! name leads to (one look-up, exactly the checked list is connected to), then as the address that
//! answered; and so is every hop of a redirect.

mod clients;
mod guard;
mod read;
mod redirect;
mod stopped;
mod way;

use std::sync::Arc;
use std::time::Duration;

use domain::config::{Method, ResponseFormat};
use domain::egress::Policy;
use domain::ids::WorkspaceId;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    LINK, RETRY_AFTER, USER_AGENT,
};
use tokio::time::Instant;
use url::Url;
use vault::mask::Masker;

pub use guard::{Looking, Lookup, Refused};
pub use hyper::body::Bytes;
pub use read::{beginning, whole};
pub use redirect::Redirects;
pub use reqwest::{Body, Request, Response};
pub use stopped::{Cause, Stopped, from_client};
pub use way::{NamedBy, Way};

use clients::{ClientKey, Clients};

/// How long the body of an error is waited for at most.
const ERROR_BODY_WITHIN: Duration = Duration::from_secs(2);

/// Headers that may follow a redirect to another origin.
const PLAIN_HEADERS: [HeaderName; 3] = [ACCEPT, ACCEPT_ENCODING, USER_AGENT];

/// How the way out is set up.
#[derive(Clone, Debug, Default)]
pub struct OutboundConfig {
    /// The operator's rules.
    pub policy: Policy,
    /// How names become addresses.
    pub lookup: Lookup,
    /// Root certificates (PEM) trusted besides the platform's.
    pub extra_roots: Vec<Vec<u8>>,
}

/// One request, ready to be sent.
#[derive(Clone)]
pub struct Call<'a> {
    /// Whose call it is; connections are not shared between workspaces.
    pub workspace_id: WorkspaceId,
    /// The method.
    pub method: Method,
    /// The whole URL.
    pub url: Url,
    /// All headers but `Host` and `Content-Length`.
    pub headers: HeaderMap,
    /// The body.
    pub body: Option<Bytes>,
    /// For name look-up, TCP and TLS of one connection.
    pub connect_timeout: Duration,
    /// Largest answer after decompression.
    pub max_response_bytes: u64,
    /// What is allowed about redirects.
    pub redirects: Redirects<'a>,
    /// The secrets in it, if any.
    pub secrets: Option<&'a Masker>,
    /// What a successful answer is read as; one declared as something else is not read at all.
    pub format: ResponseFormat,
}

/// An upstream's answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// 200 to 599, no redirect that could be followed.
    pub status: u16,
    /// `Content-Type`, if it is text.
    pub content_type: Option<String>,
    /// `Retry-After`, if it is text.
    pub retry_after: Option<String>,
    /// The `Link` headers of a success, joined (RFC 8288), if they are text.
    pub link: Option<String>,
    /// The decoded body; of a 4xx or 5xx only its beginning.
    pub body: Bytes,
    /// When the headers had arrived.
    pub headers_at: Instant,
}

struct Inner {
    policy: Policy,
    clients: Clients,
}

/// The way out. Cheap to clone; clients are made on first use.
#[derive(Clone)]
pub struct Outbound(Arc<Inner>);

impl Outbound {
    /// A way out by these rules.
    pub fn new(config: OutboundConfig) -> Self {
        Self(Arc::new(Inner {
            policy: config.policy,
            clients: Clients::new(config.lookup, config.extra_roots),
        }))
    }

    /// Every rule about a URL that needs no look-up.
    ///
    /// # Errors
    /// Why it may not be called.
    pub fn check(&self, url: &Url) -> Result<(), Refused> {
        guard::check(&self.0.policy, url).map(|_| ())
    }

    /// Sends the request, follows its redirects and reads the answer, all before the deadline.
    ///
    /// # Errors
    /// What stopped it, and whether the upstream may have acted.
    pub async fn send(&self, call: &Call<'_>, deadline: Instant) -> Result<Answer, Stopped> {
        if Instant::now() >= deadline {
            return Err(Stopped::unsent(Cause::Timeout));
        }
        let following = tokio::time::timeout_at(deadline, self.follow(call, deadline));
        match telemetry::outside(following).await {
            Ok(result) => result,
            Err(_) => Err(Stopped::sent(Cause::Timeout)),
        }
    }

    async fn follow(&self, call: &Call<'_>, deadline: Instant) -> Result<Answer, Stopped> {
        let mut response = self
            .hop(call, &call.url, &call.headers, call.body.as_ref())
            .await?;
        let mut hop: Option<(Url, HeaderMap)> = None;
        let mut followed = 0;
        loop {
            let status = response.status().as_u16();
            if !redirect::is_redirect(status) {
                return receive(response, call, deadline).await;
            }
            let (url, headers) = match &hop {
                Some((url, headers)) => (url, headers),
                None => (&call.url, &call.headers),
            };
            let next = redirect::next(
                call.method,
                url,
                response.headers(),
                followed,
                call.redirects,
                call.secrets,
            )
            .map_err(|cause| Stopped::answered(cause, status))?;
            let headers = if next.foreign {
                only_plain(headers)
            } else {
                headers.clone()
            };
            followed += 1;
            response = self.hop(call, &next.url, &headers, None).await?;
            hop = Some((next.url, headers));
        }
    }

    /// One request to one destination, from the checks to the headers of its answer.
    async fn hop(
        &self,
        call: &Call<'_>,
        url: &Url,
        headers: &HeaderMap,
        body: Option<&Bytes>,
    ) -> Result<reqwest::Response, Stopped> {
        let allowed = guard::check(&self.0.policy, url)?;
        let client = self.0.clients.get(ClientKey {
            workspace_id: call.workspace_id,
            exempt: allowed.exempt,
            tls: url.scheme() == "https",
            connect_timeout: call.connect_timeout,
        })?;
        let mut request = Request::new(method(call.method), url.clone());
        *request.headers_mut() = headers.clone();
        match body {
            Some(body) => *request.body_mut() = Some(body.clone().into()),
            None if announces_body(call.method) => {
                let none = HeaderValue::from_static("0");
                request.headers_mut().insert(CONTENT_LENGTH, none);
            }
            None => {}
        }
        let response = client
            .execute(request)
            .await
            .map_err(|error| stopped::from_client(&error, None))?;
        guard::check_address(allowed, response.remote_addr())
            .map_err(|refused| Stopped::sent(Cause::Blocked(refused.0)))?;
        Ok(response)
    }
}

/// Headers read, the body not yet.
async fn receive(
    response: reqwest::Response,
    call: &Call<'_>,
    deadline: Instant,
) -> Result<Answer, Stopped> {
    let headers_at = Instant::now();
    let status = response.status().as_u16();
    if !(200..=599).contains(&status) {
        return Err(Stopped::answered(
            Cause::invalid(
                format!(
                    "The upstream answered with status {status}, which is no final HTTP status."
                ),
                "Check base_url and port; the host may not be an HTTP API.",
            ),
            status,
        ));
    }
    let text = |name: HeaderName| {
        let value = response.headers().get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    let content_type = text(CONTENT_TYPE);
    let retry_after = text(RETRY_AFTER);
    let links = response.headers().get_all(LINK).iter();
    let links: Vec<&str> = links.filter_map(|value| value.to_str().ok()).collect();
    let link = (status < 300 && !links.is_empty()).then(|| links.join(", "));
    let body = if status >= 300 {
        // The status is the answer: it is not lost because the words to it do not come.
        let patience = deadline.saturating_duration_since(headers_at) / 2;
        let reading = read::beginning(response);
        let read = tokio::time::timeout(patience.min(ERROR_BODY_WITHIN), reading).await;
        read.unwrap_or_default()
    } else {
        if let Some(cause) = crate::response::unreadable(content_type.as_deref(), call.format) {
            return Err(Stopped::answered(cause, status));
        }
        read::whole(response, call.max_response_bytes).await?
    };
    Ok(Answer {
        status,
        content_type,
        retry_after,
        link,
        body,
        headers_at,
    })
}

fn only_plain(headers: &HeaderMap) -> HeaderMap {
    headers
        .iter()
        .filter(|(name, value)| PLAIN_HEADERS.contains(name) && !value.is_sensitive())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Methods whose request says that it has no body (RFC 9110, 8.6); servers answer 411 without it.
const fn announces_body(method: Method) -> bool {
    match method {
        Method::Post | Method::Put | Method::Patch => true,
        Method::Get | Method::Delete | Method::Head => false,
    }
}

fn method(method: Method) -> http::Method {
    match method {
        Method::Get => http::Method::GET,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
        Method::Patch => http::Method::PATCH,
        Method::Delete => http::Method::DELETE,
        Method::Head => http::Method::HEAD,
    }
}
