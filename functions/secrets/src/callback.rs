//! `GET /api/v1/connections/callback`: where a provider sends a person back to. A page for a browser.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use executor::{Arrival, Consent, ConsentError};
use web::{Code, Problem, page};

use crate::Secrets;

/// Longest query; a code is seldom over 2 KB.
const MAX_QUERY: usize = 16 * 1024;
/// Longest part of what the other side says that is shown.
const MAX_SHOWN: usize = 300;

/// Return from a provider
///
/// Nobody calls this but a browser on its way back from `connect_url`. The page shows the code for
/// `POST …/{connection_id}/confirm`, or what went wrong.
#[utoipa::path(
    get, path = "/api/v1/connections/callback", operation_id = "connection_callback", tag = "secrets",
    params(
        ("state" = String, Query, description = "As the link had it."),
        ("code" = Option<String>, Query, description = "What tokens are got with (RFC 6749)."),
        ("error" = Option<String>, Query, description = "Why there is no code."),
        ("error_description" = Option<String>, Query, description = "The same in words."),
        ("iss" = Option<String>, Query, description = "Who answers (RFC 9207)."),
    ),
    responses(
        (status = 200, description = "The page with the code.", content_type = "text/html", body = String),
        (status = 400, description = "The page with what went wrong.", content_type = "text/html", body = String),
    )
)]
pub(crate) async fn callback(
    State(secrets): State<Secrets>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let Some(arrival) = read(query.as_deref().unwrap_or_default()) else {
        return Ok(refused("This is no link of ours.", "", ""));
    };
    match secrets.executor.consented(arrival).await {
        Ok(consent) => Ok(shown(&consent)),
        Err(ConsentError::Vault(error)) => Err(error.into()),
        Err(ConsentError::Denied { error, description }) => {
            let words = format!("{error} {description}");
            Ok(refused("The provider said no.", cut(&words), ""))
        }
        Err(ConsentError::Failed(failure)) => {
            let words = failure.details.get("error_description");
            let words = words.and_then(|words| words.as_str()).unwrap_or_default();
            Ok(refused(&failure.message, &failure.hint, cut(words)))
        }
        Err(
            error @ (ConsentError::Unknown
            | ConsentError::Changed
            | ConsentError::WrongIssuer
            | ConsentError::NoCode),
        ) => Ok(refused(&format!("Not connected: {error}."), "", "")),
    }
}

/// Providers add parameters of their own, so unknown ones are no fault; a known one twice is.
fn read(query: &str) -> Option<Arrival> {
    if query.len() > MAX_QUERY {
        return None;
    }
    let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let one = |name: &str| {
        let mut found = pairs
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value);
        match (found.next(), found.next()) {
            (Some(value), None) => Some(value.clone()),
            (None | Some(_), _) => None,
        }
    };
    let description = one("error_description").unwrap_or_default();
    Some(Arrival {
        state: one("state").filter(|state| !state.is_empty())?,
        code: one("code").filter(|code| !code.is_empty()).map(Into::into),
        error: one("error").map(|error| (error, description)),
        issuer: one("iss"),
    })
}

fn shown(consent: &Consent) -> Response {
    let who = consent.person.as_deref().unwrap_or("a member");
    let asks = format!(
        "{who} in the workspace \u{201c}{}\u{201d} asks that the tool \u{201c}{}\u{201d} may act for this account at {}.",
        consent.workspace, consent.tool, consent.host
    );
    let code = format!("Confirmation code: {}", consent.code);
    page(
        None,
        "One step is left",
        &[
            &asks,
            &code,
            "If that is you, confirm the connection with this code within 10 minutes. If it is not, give the code to \
             nobody and close this page: nothing is connected without it.",
        ],
    )
}

fn refused(what: &str, hint: &str, words: &str) -> Response {
    let again = "Nothing was connected. Start again with a new link.";
    let paragraphs: Vec<&str> = [what, hint, words, again]
        .into_iter()
        .filter(|text| !text.is_empty())
        .collect();
    page(Some(Code::ConsentFailed), "Not connected", &paragraphs)
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_SHOWN)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_providers_send_and_nothing_twice() {
        let arrival = read("state=s&code=c&scope=a%20b&iss=https%3A%2F%2Fx.example").unwrap();
        assert_eq!(
            (arrival.state.as_str(), arrival.code.is_some()),
            ("s", true)
        );
        assert_eq!(arrival.issuer.as_deref(), Some("https://x.example"));
        let denied = read("error=access_denied&error_description=no&state=s").unwrap();
        assert_eq!(
            denied.error,
            Some(("access_denied".to_owned(), "no".to_owned()))
        );
        for bad in [
            "",
            "code=c",
            "state=",
            "state=a&state=b",
            &"x".repeat(MAX_QUERY + 1),
        ] {
            assert!(read(bad).is_none(), "{bad:.40}");
        }
    }
}
