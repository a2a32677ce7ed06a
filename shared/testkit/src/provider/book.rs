//! What a fake provider knows: codes, tokens, and who they belong to.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::endpoints::one;

type Form = [(String, String)];

/// An access token and, perhaps, a refresh token; or why there are none.
pub(super) type Granted = Result<(String, Option<String>), &'static str>;

/// The key of assertions signed with HS256.
const SHARED_KEY: &[u8] = b"a-key-that-is-shared-with-the-provider";

#[derive(Default)]
pub(super) struct Book {
    codes: HashMap<String, Code>,
    /// Access tokens that are good, and whose they are.
    pub(super) access: HashMap<String, String>,
    pub(super) families: Vec<Family>,
    /// `grant_type` of each request.
    pub(super) grants: Vec<String>,
    pub(super) given: Vec<String>,
    pub(super) revoked: Vec<String>,
}

struct Code {
    account: String,
    challenge: String,
    redirect_uri: String,
}

/// All refresh tokens that came of one consent.
pub(super) struct Family {
    account: String,
    current: String,
    before: Vec<String>,
}

impl Book {
    pub(super) fn consent(&mut self, account: &str, challenge: &str, redirect_uri: &str) -> String {
        let code = self.new_text("code");
        self.codes.insert(
            code.clone(),
            Code {
                account: account.to_owned(),
                challenge: challenge.to_owned(),
                redirect_uri: redirect_uri.to_owned(),
            },
        );
        code
    }

    pub(super) fn access_for(&mut self, account: &str) -> String {
        let token = self.new_text("access");
        self.access.insert(token.clone(), account.to_owned());
        token
    }

    /// RFC 6749, 4.1.3; RFC 7636, 4.6. A code is good once.
    pub(super) fn redeem(&mut self, form: &Form, gives_refresh: bool) -> Granted {
        let code = one(form, "code").and_then(|code| self.codes.remove(code));
        let code = code.ok_or("invalid_grant")?;
        if one(form, "redirect_uri") != Some(code.redirect_uri.as_str()) {
            return Err("invalid_grant");
        }
        let verifier = one(form, "code_verifier").unwrap_or_default();
        let fits = (43..=128).contains(&verifier.len())
            && URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == code.challenge;
        if !fits {
            return Err("invalid_grant");
        }
        let access = self.access_for(&code.account);
        if !gives_refresh {
            return Ok((access, None));
        }
        let current = self.new_text("refresh");
        self.families.push(Family {
            account: code.account,
            current: current.clone(),
            before: Vec::new(),
        });
        Ok((access, Some(current)))
    }

    /// RFC 6749, 6; RFC 9700, 4.14: a refresh token that is used again ends what came of the consent.
    pub(super) fn refresh(&mut self, form: &Form, rotates: bool, grace: bool) -> Granted {
        let token = one(form, "refresh_token").unwrap_or_default().to_owned();
        let at = self
            .families
            .iter()
            .position(|family| family.current == token || family.before.contains(&token));
        let at = at.ok_or("invalid_grant")?;
        let family = &self.families[at];
        let last = family.before.last() == Some(&token);
        if family.current != token && !(grace && last) {
            let family = self.families.remove(at);
            self.access.retain(|_, account| *account != family.account);
            return Err("invalid_grant");
        }
        let account = family.account.clone();
        let access = self.access_for(&account);
        if !rotates {
            return Ok((access, None));
        }
        let next = self.new_text("refresh");
        let family = &mut self.families[at];
        if family.current == token {
            family.before.push(token);
        }
        family.current = next.clone();
        Ok((access, Some(next)))
    }

    /// RFC 7523, 3: signature, audience and times are checked.
    pub(super) fn assertion(&mut self, form: &Form) -> Granted {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_required_spec_claims(&["exp", "iss", "aud"]);
        rules.validate_aud = false;
        let key = DecodingKey::from_secret(SHARED_KEY);
        let assertion = one(form, "assertion").unwrap_or_default();
        let read = jsonwebtoken::decode::<Value>(assertion, &key, &rules);
        let claims = read.map_err(|_| "invalid_grant")?.claims;
        let account = claims["sub"].as_str().or(claims["iss"].as_str());
        let account = account.ok_or("invalid_grant")?.to_owned();
        Ok((self.access_for(&account), None))
    }

    /// RFC 7009.
    pub(super) fn end(&mut self, token: &str) {
        self.revoked.push(token.to_owned());
        self.access.remove(token);
        self.families.retain(|family| family.current != token);
    }

    fn new_text(&mut self, kind: &str) -> String {
        let text = format!("{kind}.{}", Uuid::new_v4().simple());
        self.given.push(text.clone());
        text
    }
}
