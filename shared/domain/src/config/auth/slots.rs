//! The places that a credential takes: nothing else may stand there.

use super::super::fields::Object;
use super::super::{Auth, Place, Spot, Template, TemplatePiece};
use crate::walk::Faults;

/// A place that a credential takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Slot<'c> {
    /// The header of this name.
    Header(&'c str),
    /// The query parameter of this name.
    Query(&'c str),
    /// The cookie of this name.
    Cookie(&'c str),
}

impl<'c> Slot<'c> {
    const fn at(place: Place, name: &'c str) -> Self {
        match place {
            Place::Header => Self::Header(name),
            Place::Query => Self::Query(name),
            Place::Cookie => Self::Cookie(name),
        }
    }

    fn of(spot: &'c Spot) -> Self {
        match spot {
            Spot::Header(name) => Self::Header(name),
            Spot::Query(name) => Self::Query(name),
        }
    }

    /// Whether the credential takes the header of this name, a cookie's included.
    pub(in crate::config) fn is_header(&self, name: &str) -> bool {
        match self {
            Self::Header(own) => own.eq_ignore_ascii_case(name),
            Self::Cookie(_) => name.eq_ignore_ascii_case("cookie"),
            Self::Query(_) => false,
        }
    }

    /// Whether the credential takes the parameter of this name.
    pub(in crate::config) fn is_param(&self, name: &str) -> bool {
        match self {
            Self::Query(own) => *own == name,
            Self::Header(_) | Self::Cookie(_) => false,
        }
    }
}

/// The places that the credential takes.
pub(in crate::config) fn slots(auth: &Auth) -> Vec<Slot<'_>> {
    match auth {
        Auth::None => Vec::new(),
        Auth::ApiKeyHeader { key_name, .. } | Auth::Bearer { key_name, .. } => {
            vec![Slot::Header(key_name)]
        }
        Auth::ApiKeyQuery { key_name, .. } => vec![Slot::Query(key_name)],
        Auth::ApiKeyCookie { key_name, .. } => vec![Slot::Cookie(key_name)],
        Auth::Basic { .. } => vec![Slot::Header("Authorization")],
        Auth::Custom { placements } => placements
            .iter()
            .map(|placed| Slot::at(placed.place, &placed.name))
            .collect(),
        Auth::Hmac(hmac) => {
            let time = hmac.timestamp.as_ref().and_then(|time| time.spot.as_ref());
            let nonce = hmac.nonce.as_ref().and_then(|nonce| nonce.spot.as_ref());
            let sent = time.into_iter().chain(nonce).map(Slot::of);
            [Slot::at(hmac.place, &hmac.key_name)]
                .into_iter()
                .chain(sent)
                .collect()
        }
        Auth::AwsSigV4(_) => vec![Slot::Header("Authorization")],
        Auth::Token(token) => vec![Slot::at(token.place, &token.key_name)],
    }
}

/// The query parameters that a credential takes.
pub(crate) fn query_parameters(auth: &Auth) -> impl Iterator<Item = &str> {
    slots(auth).into_iter().filter_map(|slot| match slot {
        Slot::Query(name) => Some(name),
        Slot::Header(_) | Slot::Cookie(_) => None,
    })
}

/// Notes static headers and parameters that the credential would overwrite.
pub(in crate::config) fn check_against(
    auth: &Auth,
    headers: &[(String, Template)],
    params: &[(String, Template)],
    api: Object<'_, '_>,
    faults: &mut Faults,
) {
    for slot in slots(auth) {
        let (group, taken) = match slot {
            Slot::Header(name) => {
                let same = |(other, _): &&(String, Template)| other.eq_ignore_ascii_case(name);
                ("headers", headers.iter().find(same))
            }
            Slot::Query(name) => ("params", params.iter().find(|(other, _)| other == name)),
            Slot::Cookie(name) => (
                "headers",
                headers.iter().find(|(header, value)| {
                    header.eq_ignore_ascii_case("cookie") && has_cookie(value, name)
                }),
            ),
        };
        if let Some((name, _)) = taken {
            let at = api.at.name(group);
            let message = "\"api.auth\" puts the credential here";
            faults.add(&at.name(name), "conflict", message);
        }
    }
}

/// Whether a static `Cookie` header has the cookie of this name.
fn has_cookie(value: &Template, wanted: &str) -> bool {
    let text: String = value
        .0
        .iter()
        .map(|piece| match piece {
            TemplatePiece::Text(text) => text.as_str(),
            TemplatePiece::Secret(_) | TemplatePiece::Token => "x",
        })
        .collect();
    text.split(';')
        .filter_map(|pair| pair.split_once('='))
        .any(|(name, _)| name.trim() == wanted)
}
