//! What a fake provider answers at each of its addresses.

use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::sync::watch;
use url::form_urlencoded;

use super::{Client, Fault, OAuthProvider, State, locked};
use crate::upstream::{Answer, Captured, Reply};

fn error(status: u16, code: &str) -> Answer {
    let words = format!("the provider says {code}");
    Answer::json(&json!({ "error": code, "error_description": words })).status(status)
}

pub(super) fn token(
    state: &Mutex<State>,
    opened: &watch::Receiver<bool>,
    request: &Captured,
) -> Reply {
    let mut state = locked(state);
    match state.rules.faults.pop_front() {
        None => Reply::Answer(state.token(request)),
        Some(Fault::Answer(answer)) => {
            let form = form(request);
            state
                .book
                .grants
                .push(one(&form, "grant_type").unwrap_or_default().to_owned());
            Reply::Answer(answer)
        }
        Some(Fault::Lost) => {
            let _ = state.token(request);
            Reply::Raw(Vec::new())
        }
        Some(Fault::Held) => {
            let answer = state.token(request);
            Reply::Held(opened.clone(), Box::new(Reply::Answer(answer)))
        }
    }
}

impl State {
    /// RFC 6749, 3.2.
    fn token(&mut self, request: &Captured) -> Answer {
        let form = form(request);
        let grant = one(&form, "grant_type").unwrap_or_default().to_owned();
        self.book.grants.push(grant.clone());
        let kind = request.header("content-type");
        if request.method != "POST" || kind != Some("application/x-www-form-urlencoded") {
            return error(400, "invalid_request");
        }
        if form
            .iter()
            .any(|(name, _)| form.iter().filter(|(other, _)| other == name).count() > 1)
        {
            return error(400, "invalid_request");
        }
        if grant != "urn:ietf:params:oauth:grant-type:jwt-bearer" && !self.knows(request, &form) {
            return error(401, "invalid_client");
        }
        let gives_refresh = self.rules.gives_refresh;
        let granted = match grant.as_str() {
            "client_credentials" => Ok((self.book.access_for("client"), None)),
            "authorization_code" => self.book.redeem(&form, gives_refresh),
            "refresh_token" => self
                .book
                .refresh(&form, self.rules.rotates, self.rules.grace),
            "urn:ietf:params:oauth:grant-type:jwt-bearer" => self.book.assertion(&form),
            _ => Err("unsupported_grant_type"),
        };
        let (access, refresh) = match granted {
            Ok(granted) => granted,
            Err(code) => return error(400, code),
        };
        let mut answer =
            json!({ "access_token": access, "token_type": "bearer", "scope": "read write" });
        if let Some(expires_in) = &self.rules.expires_in {
            answer["expires_in"] = expires_in.clone();
        }
        if let Some(refresh) = refresh {
            answer["refresh_token"] = refresh.into();
        }
        if !self.rules.form_encoded {
            return Answer::json(&answer);
        }
        let mut written = form_urlencoded::Serializer::new(String::new());
        for (name, value) in answer.as_object().into_iter().flatten() {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            written.append_pair(name, &text);
        }
        Answer::bytes(
            "application/x-www-form-urlencoded",
            written.finish().into_bytes(),
        )
    }

    /// Whether the client names itself as it has to, and in no second way.
    fn knows(&self, request: &Captured, form: &[(String, String)]) -> bool {
        let posted = (one(form, "client_id"), one(form, "client_secret"));
        let basic = request.header("authorization");
        let (id, secret) = (OAuthProvider::CLIENT_ID, OAuthProvider::CLIENT_SECRET);
        match self.rules.client {
            Client::Basic => {
                posted.1.is_none() && basic.and_then(pair) == Some((id.into(), secret.into()))
            }
            Client::Post => basic.is_none() && posted == (Some(id), Some(secret)),
            Client::None => basic.is_none() && posted == (Some(id), None),
        }
    }
}

/// The form-decoded halves of a Basic pair.
fn pair(header: &str) -> Option<(String, String)> {
    let bytes = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decoded = |text: &str| {
        let pairs = form_urlencoded::parse(text.as_bytes());
        pairs.map(|(name, _)| name.into_owned()).collect::<String>()
    };
    Some((decoded(id), decoded(secret)))
}

fn form(request: &Captured) -> Vec<(String, String)> {
    form_urlencoded::parse(&request.body).into_owned().collect()
}

pub(super) fn one<'a>(form: &'a [(String, String)], name: &str) -> Option<&'a str> {
    form.iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

pub(super) fn login(state: &mut State, request: &Captured) -> Answer {
    let fits = serde_json::from_slice::<Value>(&request.body)
        .is_ok_and(|body| body == json!({ "user": "robot", "password": "the-robots-password" }));
    if !fits {
        return Answer::json(&json!({ "message": "wrong user or password" })).status(401);
    }
    let token = state.book.access_for("robot");
    Answer::json(&json!({ "data": { "token": token, "expires_in": "3600" } }))
}

pub(super) fn revoke(state: &mut State, request: &Captured) -> Answer {
    let form = form(request);
    if !state.knows(request, &form) {
        return error(401, "invalid_client");
    }
    let token = one(&form, "token").unwrap_or_default().to_owned();
    state.book.end(&token);
    Answer::text("")
}

/// Whose token it is.
pub(super) fn me(state: &mut State, request: &Captured) -> Answer {
    let token = request
        .header("authorization")
        .and_then(|text| text.strip_prefix("Bearer "));
    match token.and_then(|token| state.book.access.get(token)) {
        Some(account) => Answer::json(&json!({ "account": account })),
        None => Answer::json(&json!({ "message": "who are you?" })).status(401),
    }
}
