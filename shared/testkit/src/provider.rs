//! A fake OAuth 2 provider that checks what it is sent as a strict one does, and the API that its tokens are for.

mod book;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::sync::watch;
use url::{Url, form_urlencoded};

use crate::upstream::{Answer, Captured, FakeUpstream, Reply};
use book::Book;

/// How the client has to name itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// In `Authorization: Basic`, form-encoded (RFC 6749, 2.3.1).
    Basic,
    /// In the body.
    Post,
    /// A public client: by its id alone.
    None,
}

/// What happens to one request at the token endpoint.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Nothing is done; this is answered.
    Answer(Answer),
    /// The request is carried out, and the connection closed without an answer.
    Lost,
    /// The request is carried out, and answered when [`OAuthProvider::release`] is called.
    Held,
}

/// How the provider behaves.
struct Rules {
    client: Client,
    /// `expires_in` as it is sent.
    expires_in: Option<Value>,
    /// Each refresh gives a new refresh token.
    rotates: bool,
    /// The refresh token before the present one is still taken.
    grace: bool,
    gives_refresh: bool,
    form_encoded: bool,
    faults: VecDeque<Fault>,
}

struct State {
    rules: Rules,
    book: Book,
}

/// A running provider. It stops when dropped.
pub struct OAuthProvider {
    upstream: FakeUpstream,
    state: Arc<Mutex<State>>,
    gate: watch::Sender<bool>,
}

impl OAuthProvider {
    /// The only client's id.
    pub const CLIENT_ID: &str = "a client/1";
    /// Its secret: with characters that must be encoded.
    pub const CLIENT_SECRET: &str = "s3cret:of+the client/0001";

    /// Starts one: Basic clients, tokens for an hour, rotating refresh tokens with a grace for the last one.
    pub async fn start() -> Self {
        let upstream = FakeUpstream::start().await;
        let (gate, opened) = watch::channel(false);
        let state = Arc::new(Mutex::new(State {
            rules: Rules {
                client: Client::Basic,
                expires_in: Some(json!(3600)),
                rotates: true,
                grace: true,
                gives_refresh: true,
                form_encoded: false,
                faults: VecDeque::new(),
            },
            book: Book::default(),
        }));
        let of = |answer: fn(&mut State, &Captured) -> Answer| {
            let state = Arc::clone(&state);
            Reply::made(move |request| Reply::Answer(answer(&mut locked(&state), request)))
        };
        upstream.on("/login", of(login));
        upstream.on("/revoke", of(revoke));
        upstream.on("/me", of(me));
        let token_state = Arc::clone(&state);
        let token = Reply::made(move |request| token(&token_state, &opened, request));
        upstream.on("/token", token);
        Self {
            upstream,
            state,
            gate,
        }
    }

    /// `127.0.0.1:port`: what stands in `EGRESS_ALLOW`.
    pub fn host_port(&self) -> String {
        self.upstream.host_port()
    }

    /// Scheme, host and port: the `base_url` of tools that call `/me`.
    pub fn base_url(&self) -> String {
        self.upstream.base_url()
    }

    /// One of its addresses: `/authorize`, `/token`, `/revoke`, `/login`, `/me`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url())
    }

    /// `api.auth` of a tool that a person connects; `more` are further members of `oauth2`.
    pub fn authorization_code(&self, more: &Value) -> Value {
        let mut oauth2 = json!({
            "authorization_url": self.url("/authorize"),
            "token_url": self.url("/token"),
            "revoke_url": self.url("/revoke"),
            "client_id": Self::CLIENT_ID,
            "client_secret_ref": "${CLIENT_SECRET}",
            "scopes": ["read", "write"],
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            oauth2[name] = value.clone();
        }
        json!({ "method": "oauth2_authorization_code", "oauth2": oauth2 })
    }

    /// `api.auth` of a tool with the client's own right; `more` are further members of `oauth2`.
    pub fn client_credentials(&self, more: &Value) -> Value {
        let mut oauth2 = json!({
            "token_url": self.url("/token"),
            "client_id": Self::CLIENT_ID,
            "client_secret_ref": "${CLIENT_SECRET}",
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            oauth2[name] = value.clone();
        }
        json!({ "method": "oauth2_client_credentials", "oauth2": oauth2 })
    }

    /// Acts as this person in a browser: reads the link, says yes, and answers the query of the way back.
    ///
    /// # Panics
    /// When the link is not one that a strict provider takes.
    pub fn consents(&self, connect_url: &str, account: &str) -> String {
        let url = Url::parse(connect_url).expect("a URL");
        assert_eq!(url.path(), "/authorize");
        let one = |name: &str| {
            let mut found = url.query_pairs().filter(|(key, _)| key == name);
            let value = found.next().map(|(_, value)| value.into_owned());
            assert!(found.next().is_none(), "{name} is given twice");
            value
        };
        assert_eq!(one("response_type").as_deref(), Some("code"));
        assert_eq!(one("client_id").as_deref(), Some(Self::CLIENT_ID));
        assert_eq!(one("code_challenge_method").as_deref(), Some("S256"));
        let (state, challenge) = (one("state").expect("a state"), one("code_challenge"));
        let redirect_uri = one("redirect_uri").expect("a redirect_uri");
        let code = self.state().book.consent(
            account,
            &challenge.expect("a code_challenge"),
            &redirect_uri,
        );
        form_urlencoded::Serializer::new(String::new())
            .append_pair("state", &state)
            .append_pair("code", &code)
            .finish()
    }

    /// How clients have to name themselves from now on.
    pub fn clients_are(&self, client: Client) {
        self.state().rules.client = client;
    }

    /// `expires_in` from now on, as it is sent; `None`: it is not.
    pub fn tokens_last(&self, expires_in: Option<Value>) {
        self.state().rules.expires_in = expires_in;
    }

    /// Whether each refresh gives a new refresh token, and whether the one before is still taken then. Without
    /// the grace, one that is used twice ends everything that came of the consent.
    pub fn refresh_tokens(&self, rotate: bool, grace: bool) {
        let mut state = self.state();
        state.rules.rotates = rotate;
        state.rules.grace = grace;
    }

    /// No refresh tokens from now on.
    pub fn gives_no_refresh_tokens(&self) {
        self.state().rules.gives_refresh = false;
    }

    /// Token answers are forms from now on.
    pub fn answers_forms(&self) {
        self.state().rules.form_encoded = true;
    }

    /// What happens to the next request at the token endpoint; further ones to those after it.
    pub fn next(&self, fault: Fault) {
        self.state().rules.faults.push_back(fault);
    }

    /// Answers what is held, now and from now on.
    pub fn release(&self) {
        self.gate.send_replace(true);
    }

    /// All access tokens end; refresh tokens stay good.
    pub fn ends_access_tokens(&self) {
        self.state().book.access.clear();
    }

    /// All that was consented to ends.
    pub fn ends_consents(&self) {
        let mut state = self.state();
        state.book.access.clear();
        state.book.families.clear();
    }

    /// Requests at the token endpoint with this `grant_type`, refused ones too.
    pub fn asked(&self, grant_type: &str) -> usize {
        let state = self.state();
        state.book.grants.iter().filter(|grant| *grant == grant_type).count()
    }

    /// Calls of `/login`.
    pub fn logins(&self) -> usize {
        self.upstream.requests().iter().filter(|request| request.path() == "/login").count()
    }

    /// Every token that was ever given, codes included.
    pub fn given(&self) -> Vec<String> {
        self.state().book.given.clone()
    }

    /// Tokens that the client told to be over (RFC 7009).
    pub fn revoked(&self) -> Vec<String> {
        self.state().book.revoked.clone()
    }

    /// Whether calls with this token are answered.
    pub fn takes(&self, access_token: &str) -> bool {
        self.state().book.access.contains_key(access_token)
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Captured> {
        self.upstream.requests()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn error(status: u16, code: &str) -> Answer {
    let words = format!("the provider says {code}");
    Answer::json(&json!({ "error": code, "error_description": words })).status(status)
}

fn token(state: &Mutex<State>, opened: &watch::Receiver<bool>, request: &Captured) -> Reply {
    let mut state = locked(state);
    match state.rules.faults.pop_front() {
        None => Reply::Answer(state.token(request)),
        Some(Fault::Answer(answer)) => {
            let form = form(request);
            state.book.grants.push(one(&form, "grant_type").unwrap_or_default().to_owned());
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
        if form.iter().any(|(name, _)| form.iter().filter(|(other, _)| other == name).count() > 1) {
            return error(400, "invalid_request");
        }
        if grant != "urn:ietf:params:oauth:grant-type:jwt-bearer" && !self.knows(request, &form) {
            return error(401, "invalid_client");
        }
        let gives_refresh = self.rules.gives_refresh;
        let granted = match grant.as_str() {
            "client_credentials" => Ok((self.book.access_for("client"), None)),
            "authorization_code" => self.book.redeem(&form, gives_refresh),
            "refresh_token" => self.book.refresh(&form, self.rules.rotates, self.rules.grace),
            "urn:ietf:params:oauth:grant-type:jwt-bearer" => self.book.assertion(&form),
            _ => Err("unsupported_grant_type"),
        };
        let (access, refresh) = match granted {
            Ok(granted) => granted,
            Err(code) => return error(400, code),
        };
        let mut answer = json!({ "access_token": access, "token_type": "bearer", "scope": "read write" });
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
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            written.append_pair(name, &text);
        }
        Answer::bytes("application/x-www-form-urlencoded", written.finish().into_bytes())
    }

    /// Whether the client names itself as it has to, and in no second way.
    fn knows(&self, request: &Captured, form: &[(String, String)]) -> bool {
        let posted = (one(form, "client_id"), one(form, "client_secret"));
        let basic = request.header("authorization");
        let (id, secret) = (OAuthProvider::CLIENT_ID, OAuthProvider::CLIENT_SECRET);
        match self.rules.client {
            Client::Basic => posted.1.is_none() && basic.and_then(pair) == Some((id.into(), secret.into())),
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

fn one<'a>(form: &'a [(String, String)], name: &str) -> Option<&'a str> {
    form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn login(state: &mut State, request: &Captured) -> Answer {
    let fits = serde_json::from_slice::<Value>(&request.body)
        .is_ok_and(|body| body == json!({ "user": "robot", "password": "the-robots-password" }));
    if !fits {
        return Answer::json(&json!({ "message": "wrong user or password" })).status(401);
    }
    let token = state.book.access_for("robot");
    Answer::json(&json!({ "data": { "token": token, "expires_in": "3600" } }))
}

fn revoke(state: &mut State, request: &Captured) -> Answer {
    let form = form(request);
    if !state.knows(request, &form) {
        return error(401, "invalid_client");
    }
    let token = one(&form, "token").unwrap_or_default().to_owned();
    state.book.end(&token);
    Answer::text("")
}

/// Whose token it is.
fn me(state: &mut State, request: &Captured) -> Answer {
    let token = request.header("authorization").and_then(|text| text.strip_prefix("Bearer "));
    match token.and_then(|token| state.book.access.get(token)) {
        Some(account) => Answer::json(&json!({ "account": account })),
        None => Answer::json(&json!({ "message": "who are you?" })).status(401),
    }
}
