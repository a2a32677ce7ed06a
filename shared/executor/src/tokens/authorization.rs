//! The parts of an authorization request: its URL, its random values, and the check of who answers it.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::config::{AuthorizationCode, TemplatePiece};
use domain::fault::Fault;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::ask::bound_host;
use super::consent::{ConnectError, ConsentError};

/// Letters and digits that nobody mistakes for one another; 32, so that each holds five bits.
const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// Parameters of the authorization URL that are ours.
const OURS: [&str; 7] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
];

/// RFC 6749, 4.1.1, and RFC 7636, 4.3. The client's id stands in it for everybody to see, so it is no secret.
pub(crate) fn authorization_url(
    code: &AuthorizationCode,
    redirect_uri: &str,
    state: &SecretString,
    verifier: &SecretString,
) -> Result<String, ConnectError> {
    let plain = code.client.client_id.0.iter().map(|piece| match piece {
        TemplatePiece::Text(text) => Some(text.as_str()),
        TemplatePiece::Secret(_) | TemplatePiece::Token => None,
    });
    let client_id = plain.collect::<Option<String>>().ok_or_else(|| {
        let message =
            "the tool's client_id is a secret, but it would stand in the link that people open";
        let fault = Fault::new("/tool_id", "not_connectable", message)
            .hint("write client_id into the tool as it is; only client_secret_ref is a secret");
        ConnectError::Invalid(vec![fault])
    })?;
    let challenge = URL_SAFE_NO_PAD.encode(hash(verifier));
    let mut url = code.authorization_url.url().clone();
    {
        let mut query = url.query_pairs_mut();
        query.append_pair("response_type", "code");
        query.append_pair("client_id", &client_id);
        query.append_pair("redirect_uri", redirect_uri);
        if !code.client.scopes.is_empty() {
            query.append_pair("scope", &code.client.scopes.join(" "));
        }
        query.append_pair("state", state.expose_secret());
        query.append_pair("code_challenge", &challenge);
        query.append_pair("code_challenge_method", "S256");
        let others = code.authorize_params.iter();
        for (name, value) in others.filter(|(name, _)| !OURS.contains(&name.as_str())) {
            query.append_pair(name, value);
        }
    }
    Ok(url.into())
}

/// RFC 9207: who answers is who was asked. Issuers are not configured, so their origin is what is compared.
pub(crate) fn check_issuer(
    issuer: Option<&str>,
    code: &AuthorizationCode,
) -> Result<(), ConsentError> {
    let Some(issuer) = issuer else {
        return Ok(());
    };
    let issuer = Url::parse(issuer).map_err(|_| ConsentError::WrongIssuer)?;
    let known = [&code.authorization_url, &code.client.token_url];
    let same = known.iter().any(|endpoint| {
        let known = endpoint.url();
        known.scheme() == issuer.scheme() && bound_host(known) == bound_host(&issuer)
    });
    if same {
        Ok(())
    } else {
        Err(ConsentError::WrongIssuer)
    }
}

/// 256 random bits as 43 characters: a state, or a PKCE verifier (RFC 7636, 4.1).
pub(crate) fn random_text() -> Result<SecretString, vault::Error> {
    let bytes: [u8; 32] = random_bytes()?;
    Ok(URL_SAFE_NO_PAD.encode(bytes).into())
}

/// Eight letters, 40 bits: guessed five times at most.
pub(crate) fn confirmation_code() -> Result<String, vault::Error> {
    let bytes: [u8; 8] = random_bytes()?;
    let letters = bytes
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
    Ok(letters.collect())
}

fn random_bytes<const N: usize>() -> Result<[u8; N], vault::Error> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes)
        .map_err(|_| vault::Error::Sealed("the system gave no random bytes".to_owned()))?;
    Ok(bytes)
}

/// SHA-256.
pub(crate) fn hash(text: &SecretString) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, text.expose_secret().as_bytes()).as_ref());
    hash
}
