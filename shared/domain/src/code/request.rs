//! A call as a code-based tool states it: structural, with secrets by name.

use percent_encoding::percent_decode_str;
use serde_json::Value;
use url::Url;

use super::ToolError;
use crate::config::{Method, Scheme, Template, TemplatePiece};
use crate::failure::FailureCode;
use crate::ids::SecretName;
use crate::request::{Body, Draft, Segment};

/// An HTTP request, built piece by piece. A piece is data: it is encoded where it lands, and never changes
/// where the request goes. What cannot be is told when the request is used.
///
/// ```
/// # use domain::code::Request;
/// let request = Request::get("https://www.alphavantage.co/query")
///     .query("function", "GLOBAL_QUOTE")
///     .query("symbol", "IBM & Co")
///     .secret_query("apikey", "ALPHA_VANTAGE_API_KEY");
/// assert!(request.into_draft().is_ok());
/// ```
#[derive(Clone, Debug)]
#[must_use = "a request is sent with `ctx.call`"]
pub struct Request {
    draft: Result<Draft, String>,
    /// A status outside 2xx is an answer, no failure.
    any_status: bool,
}

impl Request {
    /// A request to this URL, which may have a query. Write inputs into [`segment`](Self::segment) and
    /// [`query`](Self::query), not into the URL.
    pub fn new(method: Method, url: &str) -> Self {
        Self {
            draft: draft(method, url),
            any_status: false,
        }
    }

    /// `GET`.
    pub fn get(url: &str) -> Self {
        Self::new(Method::Get, url)
    }

    /// `POST`.
    pub fn post(url: &str) -> Self {
        Self::new(Method::Post, url)
    }

    /// One more segment at the end of the path; not empty, `.` or `..`.
    pub fn segment(self, segment: impl Into<String>) -> Self {
        self.with(|draft| {
            let segment = segment.into();
            if matches!(segment.as_str(), "" | "." | "..") {
                return Err(format!("{segment:?} is no segment of a path"));
            }
            draft.segments.push(segment.into());
            draft.trailing_slash = false;
            Ok(())
        })
    }

    /// A query parameter.
    pub fn query(self, name: &str, value: impl Into<String>) -> Self {
        self.with(|draft| {
            draft.query.push((name.to_owned(), text(value.into())));
            Ok(())
        })
    }

    /// A query parameter whose value is the workspace's secret of this name.
    pub fn secret_query(self, name: &str, secret: &str) -> Self {
        self.with(|draft| {
            let value = Template(vec![TemplatePiece::Secret(named(secret)?)]);
            draft.query.push((name.to_owned(), value));
            Ok(())
        })
    }

    /// A header.
    pub fn header(self, name: &str, value: impl Into<String>) -> Self {
        self.with(|draft| {
            draft.headers.push((name.to_owned(), text(value.into())));
            Ok(())
        })
    }

    /// A header whose value is a prefix (`"Token "`, or none) and the workspace's secret of this name.
    pub fn secret_header(self, name: &str, prefix: &str, secret: &str) -> Self {
        self.with(|draft| {
            let mut pieces = Vec::with_capacity(2);
            if !prefix.is_empty() {
                pieces.push(TemplatePiece::Text(prefix.to_owned()));
            }
            pieces.push(TemplatePiece::Secret(named(secret)?));
            draft.headers.push((name.to_owned(), Template(pieces)));
            Ok(())
        })
    }

    /// `Authorization: Bearer` with the workspace's secret of this name.
    pub fn bearer(self, secret: &str) -> Self {
        self.secret_header("Authorization", "Bearer ", secret)
    }

    /// A JSON body.
    pub fn json(self, body: Value) -> Self {
        self.with(|draft| {
            draft.body = Some(Body::Json(body));
            Ok(())
        })
    }

    /// A status outside 2xx is answered, too, and not a failure.
    pub fn any_status(mut self) -> Self {
        self.any_status = true;
        self
    }

    /// Whether a status outside 2xx is an answer.
    pub const fn takes_any_status(&self) -> bool {
        self.any_status
    }

    /// The request, its secrets still names.
    ///
    /// # Errors
    /// `egress_blocked`: it cannot be made as it was stated.
    pub fn into_draft(self) -> Result<Draft, ToolError> {
        self.draft.map_err(|why| {
            ToolError::failed(
                FailureCode::EgressBlocked,
                format!("The tool's request cannot be made: {why}."),
                "Change the input that names the destination; without one, this is a defect of the tool.",
            )
        })
    }

    fn with(mut self, change: impl FnOnce(&mut Draft) -> Result<(), String>) -> Self {
        if let Ok(draft) = &mut self.draft
            && let Err(why) = change(draft)
        {
            self.draft = Err(why);
        }
        self
    }
}

fn text(value: String) -> Template {
    Template(vec![TemplatePiece::Text(value)])
}

fn named(secret: &str) -> Result<SecretName, String> {
    secret
        .parse()
        .map_err(|error| format!("{secret:?} names no secret: {error}"))
}

fn draft(method: Method, url: &str) -> Result<Draft, String> {
    let url = Url::parse(url).map_err(|error| format!("its URL is none ({error})"))?;
    let scheme = match url.scheme() {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        other => return Err(format!("the scheme {other} is not allowed")),
    };
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("its URL has a user name, a password or a fragment".to_owned());
    }
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return Err("its URL has no host".to_owned());
    };
    let mut segments = Vec::new();
    for segment in url.path_segments().into_iter().flatten() {
        let segment = percent_decode_str(segment).decode_utf8();
        segments.push(segment.map_err(|_| "its path is not UTF-8")?.into_owned());
    }
    let trailing_slash = segments.len() > 1 && segments.last().is_some_and(String::is_empty);
    if segments.last().is_some_and(String::is_empty) {
        segments.pop();
    }
    if segments
        .iter()
        .any(|s| matches!(s.as_str(), "" | "." | ".."))
    {
        return Err("its path has an empty segment, or one that leads elsewhere".to_owned());
    }
    let query = url
        .query_pairs()
        .map(|(name, value)| (name.into_owned(), text(value.into_owned())))
        .collect();
    Ok(Draft {
        method,
        scheme,
        host: host.to_owned(),
        port,
        segments: segments.into_iter().map(Segment::from).collect(),
        trailing_slash,
        query,
        headers: Vec::new(),
        basic: None,
        body: None,
    })
}
