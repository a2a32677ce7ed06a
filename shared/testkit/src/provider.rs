//! A fake OAuth 2 provider that checks what it is sent as a strict one does, and the API that its tokens are for.

mod book;
mod endpoints;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::watch;
use url::{Url, form_urlencoded};

use crate::upstream::{Answer, Captured, FakeUpstream, Reply};
use book::Book;
use endpoints::{login, me, revoke, token};

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
        state
            .book
            .grants
            .iter()
            .filter(|grant| *grant == grant_type)
            .count()
    }

    /// Calls of `/login`.
    pub fn logins(&self) -> usize {
        self.upstream
            .requests()
            .iter()
            .filter(|request| request.path() == "/login")
            .count()
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
