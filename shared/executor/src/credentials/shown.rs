//! How a signature looks in a preview: its places are shown, nothing is computed.

use domain::config::{Auth, AwsSigV4, Hmac, Place, SignaturePiece, Spot, Template, TemplatePiece};
use domain::ids::SecretName;
use domain::request::{Draft, put};

/// Puts `${SIGNATURE}`, `${TIMESTAMP}` and `${NONCE}` where they will stand.
pub(crate) fn show(auth: &Auth, draft: &mut Draft) {
    match auth {
        Auth::Hmac(rules) => hmac(rules, draft),
        Auth::AwsSigV4(rules) => aws(rules, draft),
        Auth::None
        | Auth::ApiKeyHeader { .. }
        | Auth::ApiKeyQuery { .. }
        | Auth::ApiKeyCookie { .. }
        | Auth::Bearer { .. }
        | Auth::Basic { .. }
        | Auth::Custom { .. }
        | Auth::Token(_) => {}
    }
}

fn hmac(rules: &Hmac, draft: &mut Draft) {
    let time = rules.timestamp.as_ref().and_then(|time| time.spot.as_ref());
    let nonce = rules.nonce.as_ref().and_then(|nonce| nonce.spot.as_ref());
    for (spot, name) in [(time, "TIMESTAMP"), (nonce, "NONCE")] {
        match spot {
            Some(Spot::Header(header)) => {
                put(Place::Header, header, Template(vec![computed(name)]), draft);
            }
            Some(Spot::Query(param)) => {
                put(Place::Query, param, Template(vec![computed(name)]), draft);
            }
            None => {}
        }
    }
    let value = rules.value.iter().map(|piece| match piece {
        SignaturePiece::Text(text) => TemplatePiece::Text(text.clone()),
        SignaturePiece::Secret(name) => TemplatePiece::Secret(name.clone()),
        SignaturePiece::Signature => computed("SIGNATURE"),
        SignaturePiece::Timestamp => computed("TIMESTAMP"),
        SignaturePiece::Nonce => computed("NONCE"),
    });
    put(
        rules.place,
        &rules.key_name,
        Template(value.collect()),
        draft,
    );
}

fn aws(rules: &AwsSigV4, draft: &mut Draft) {
    let text = |text: String| TemplatePiece::Text(text);
    let scope = format!("/{}/{}/aws4_request", rules.region, rules.service);
    let mut value = vec![text("AWS4-HMAC-SHA256 Credential=".to_owned())];
    value.extend(rules.access_key.0.iter().cloned());
    value.extend([
        text("/".to_owned()),
        computed("DATE"),
        text(format!("{scope}, SignedHeaders=")),
        computed("SIGNED_HEADERS"),
        text(", Signature=".to_owned()),
        computed("SIGNATURE"),
    ]);
    put(Place::Header, "Authorization", Template(value), draft);
    let sent = [
        ("X-Amz-Date", "TIMESTAMP"),
        ("X-Amz-Content-Sha256", "BODY_SHA256"),
    ];
    for (header, name) in sent {
        put(Place::Header, header, Template(vec![computed(name)]), draft);
    }
    if let Some(token) = &rules.session_token {
        put(Place::Header, "X-Amz-Security-Token", token.clone(), draft);
    }
}

/// Shown as `${NAME}`, like a secret: it is not known before the call.
fn computed(name: &str) -> TemplatePiece {
    match name.parse::<SecretName>() {
        Ok(name) => TemplatePiece::Secret(name),
        Err(_) => TemplatePiece::Text(name.to_owned()),
    }
}
