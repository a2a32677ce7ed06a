//! Where a token may go: where all the secrets may go that it was made from, or where a person consented to. Pure.

use domain::ids::SecretName;
use persistence::tokens::HeldToken;

use crate::error::Error;
use crate::hosts;

/// Whether the token may go to this host: where every secret that it was made from may go. False: a person has
/// not consented to the host.
pub(crate) fn may_go(held: &HeldToken, names: &[SecretName], host: &str) -> Result<bool, Error> {
    if names.is_empty() {
        let consented = held.hosts.iter().flatten();
        return Ok(consented
            .into_iter()
            .all(|allowed| hosts::allows(allowed, host)));
    }
    let missing: Vec<SecretName> = names
        .iter()
        .zip(&held.hosts)
        .filter(|(_, allowed)| allowed.is_none())
        .map(|(name, _)| name.clone())
        .collect();
    if !missing.is_empty() {
        return Err(Error::Missing { names: missing });
    }
    let refused = names.iter().zip(&held.hosts).find(|(_, allowed)| {
        !allowed
            .as_ref()
            .is_some_and(|allowed| hosts::allows(allowed, host))
    });
    match refused {
        None => Ok(true),
        Some((name, _)) => Err(Error::HostNotAllowed {
            name: name.clone(),
            host: host.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use domain::ids::ConnectionId;
    use uuid::Uuid;

    use super::*;

    fn held(hosts: &[Option<&[&str]>]) -> HeldToken {
        HeldToken {
            id: ConnectionId(Uuid::nil()),
            version: 1,
            sealed: None,
            hosts: hosts
                .iter()
                .map(|list| list.map(|list| list.iter().map(|&host| host.to_owned()).collect()))
                .collect(),
        }
    }

    fn names(names: &[&str]) -> Vec<SecretName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn a_token_goes_where_all_its_secrets_may_go() {
        let both = names(&["ID", "KEY"]);
        let wide: &[&str] = &["login.example", "api.example"];
        let narrow: &[&str] = &["login.example"];
        let fine = held(&[Some(wide), Some(wide)]);
        assert!(may_go(&fine, &both, "api.example").unwrap());
        let refused = may_go(&held(&[Some(wide), Some(narrow)]), &both, "api.example");
        assert!(
            matches!(refused, Err(Error::HostNotAllowed { name, .. }) if name.as_str() == "KEY")
        );
        let missing = may_go(&held(&[Some(wide), None]), &both, "api.example");
        assert!(matches!(missing, Err(Error::Missing { names }) if names.len() == 1));
    }

    #[test]
    fn a_consented_token_goes_where_the_person_said() {
        let consent = held(&[Some(&["api.example"])]);
        assert!(may_go(&consent, &[], "api.example").unwrap());
        assert!(!may_go(&consent, &[], "evil.example").unwrap());
        assert!(!may_go(&held(&[Some(&[])]), &[], "api.example").unwrap());
    }
}
