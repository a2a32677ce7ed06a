//! What may be stored: the rules on values and on the hosts they may go to. Pure.

use domain::fault::Fault;
use secrecy::{ExposeSecret, SecretString};

use crate::hosts::{self, MAX_HOSTS};

/// The shortest value: masking a shorter one would eat innocent text.
pub const MIN_VALUE_BYTES: usize = 8;

/// The longest value.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;

/// What the begin of a key or certificate looks like: it may end with a line break.
const PEM: &str = "-----BEGIN ";

/// A tool that already names a secret which is about to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamingTool {
    /// Every host that the tool sends the secret to, with its port unless that is 443, in order.
    pub hosts: Vec<String>,
    /// Whether an admin saved it.
    pub saved_by_admin: bool,
}

/// What is wrong with a value, if anything. Tells nothing of the value but its kind of fault.
pub(crate) fn fault(value: &SecretString) -> Option<Fault> {
    let value = value.expose_secret();
    let fault = |code, message: &str| Some(Fault::new("/value", code, message));
    if value.len() < MIN_VALUE_BYTES {
        return fault(
            "secret_too_short",
            "a value has at least 8 bytes: a shorter one could not be hidden in what tools answer",
        );
    }
    if value.len() > MAX_VALUE_BYTES {
        return fault("secret_too_long", "a value has at most 64 KB");
    }
    // Line breaks and tabs make a key, a certificate, a JSON document. A header never takes them: that shows
    // when a tool is run. One line with a line break behind it is a slip of the hand.
    let laid_out = |c: char| matches!(c, '\n' | '\r' | '\t');
    if value.contains(|c: char| c.is_control() && !laid_out(c)) {
        return fault(
            "invalid_secret",
            "a value holds no control characters but line breaks and tabs",
        );
    }
    let trimmed = value.trim_matches(['\n', '\r']);
    let slip = trimmed.len() != value.len() && !trimmed.contains('\n') && !value.starts_with(PEM);
    slip.then(|| {
        Fault::new(
            "/value",
            "invalid_secret",
            "the value begins or ends with a line break",
        )
        .hint("was a line break copied along with it?")
    })
}

/// The hosts in the form in which they are stored, each once; or every fault.
pub(crate) fn allowed_hosts(entries: &[String]) -> Result<Vec<String>, Vec<Fault>> {
    let (mut stored, mut faults) = (Vec::new(), Vec::new());
    if entries.len() > MAX_HOSTS {
        let message = "a secret has at most 20 allowed hosts";
        faults.push(Fault::new("/allowed_hosts", "too_many", message));
    }
    for (at, entry) in entries.iter().enumerate().take(MAX_HOSTS) {
        match hosts::normal(entry) {
            Ok(host) if stored.contains(&host) => {}
            Ok(host) => stored.push(host),
            Err(message) => {
                let pointer = format!("/allowed_hosts/{at}");
                faults.push(Fault::new(pointer, "invalid_host", message));
            }
        }
    }
    if faults.is_empty() {
        Ok(stored)
    } else {
        Err(faults)
    }
}

/// The hosts that a new secret without allowed hosts is bound to: those of the tools which name it
/// already, if admins saved them all and they are the same. Without such tools there are none yet.
pub(crate) fn first_hosts(named_by: &[NamingTool]) -> Result<Vec<String>, Fault> {
    let Some(first) = named_by.first() else {
        return Ok(Vec::new());
    };
    let ask = |message: &str| {
        Err(Fault::new("/allowed_hosts", "required", message)
            .hint("name the hosts that this secret may be sent to"))
    };
    if named_by.iter().any(|tool| !tool.saved_by_admin) {
        return ask("a tool that no admin saved names this secret already");
    }
    if named_by.iter().any(|tool| tool.hosts != first.hosts) {
        return ask("tools of several hosts name this secret already");
    }
    let hosts: Result<Vec<String>, _> =
        first.hosts.iter().map(|host| hosts::normal(host)).collect();
    match hosts {
        Ok(hosts) if !hosts.is_empty() => Ok(hosts),
        Ok(_) | Err(_) => ask("the host of the tool that names this secret is not fixed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(value: &str) -> Option<&'static str> {
        fault(&SecretString::from(value)).map(|fault| fault.code)
    }

    #[test]
    fn takes_what_can_be_sent_and_hidden() {
        for fine in [
            "12345678",
            "with space",
            "ünïcödé",
            &"a".repeat(MAX_VALUE_BYTES),
            "-----BEGIN KEY-----\nAAAA\n",
            "-----BEGIN KEY-----\r\nAAAA\r\n",
            "{\n\t\"user\": \"alice\"\n}\n",
            "a value\r\nX-Evil: 1",
        ] {
            assert_eq!(code(fine), None);
        }
        for (bad, expected) in [
            ("", "secret_too_short"),
            ("1234567", "secret_too_short"),
            (&"a".repeat(MAX_VALUE_BYTES + 1), "secret_too_long"),
            ("a value\n", "invalid_secret"),
            ("\r\na value", "invalid_secret"),
            ("a value\0", "invalid_secret"),
            ("a value\u{1b}[31m", "invalid_secret"),
        ] {
            assert_eq!(code(bad), Some(expected), "{bad:?}");
        }
    }

    #[test]
    fn stores_hosts_once_and_in_one_form() {
        let entries = ["API.example.com", "api.example.com", "b.example:8443"].map(str::to_owned);
        let stored = allowed_hosts(&entries).unwrap();
        assert_eq!(stored, ["api.example.com", "b.example:8443"]);
        let entries = ["fine.example", "https://x.example", "*"].map(str::to_owned);
        let faults = allowed_hosts(&entries).unwrap_err();
        let pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(pointers, ["/allowed_hosts/1", "/allowed_hosts/2"]);
        assert!(allowed_hosts(&vec!["a.example".to_owned(); 21]).is_err());
    }

    #[test]
    fn binds_to_the_hosts_of_tools_that_admins_saved() {
        let tool = |hosts: &[&str], saved_by_admin| NamingTool {
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            saved_by_admin,
        };
        assert_eq!(first_hosts(&[]), Ok(Vec::new()));
        let two = [tool(&["a.example"], true), tool(&["a.example"], true)];
        assert_eq!(first_hosts(&two), Ok(vec!["a.example".to_owned()]));
        let both = [tool(&["a.example", "login.example"], true)];
        assert_eq!(first_hosts(&both).unwrap().len(), 2);
        for unclear in [
            vec![tool(&["a.example"], false)],
            vec![tool(&["a.example"], true), tool(&["a.example"], false)],
            vec![tool(&["a.example"], true), tool(&["b.example"], true)],
            vec![tool(&["{region}.example"], true)],
            vec![tool(&[], true)],
        ] {
            assert_eq!(first_hosts(&unclear).unwrap_err().pointer, "/allowed_hosts");
        }
    }
}
