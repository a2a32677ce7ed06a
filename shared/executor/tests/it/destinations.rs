//! Names and addresses: what is looked up, what is refused, and that nothing is connected to before.

use executor::outbound::Cause;
use url::Url;

use crate::upstream::{Upstream, Way, get, http, is_blocked};

const PUBLIC: &str = "93.184.216.34";

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_blocked() {
    let many: Vec<String> = (1..=250).map(|n| format!("93.184.216.{n}")).collect();
    let mut many: Vec<&str> = many.iter().map(String::as_str).collect();
    many.push("10.0.0.5");
    let tables: [&[&str]; 8] = [
        &["169.254.169.254"],
        &["0.0.0.0"],
        &["::ffff:169.254.169.254"],
        &["fd00:ec2::254"],
        &[PUBLIC, "::1"],
        &["10.0.0.5", "2606:2800:220:1::1"],
        &["127.0.0.1"],
        &many,
    ];
    for addresses in tables {
        let way = Way::with("", addresses, Vec::new());
        let result = way.get(url("https://api.example.com/echo")).await;
        assert!(is_blocked(&result), "{addresses:?} {result:?}");
        assert!(!result.unwrap_err().sent);
        assert_eq!(way.lookups(), ["api.example.com."]);
    }
}

#[tokio::test]
async fn literal_addresses_and_internal_names_are_blocked_without_a_lookup() {
    let canary = Upstream::answers(&http("200 OK", "", "{}")).await;
    let way = Way::with("", &[PUBLIC], Vec::new());
    for text in [
        canary.url("/").as_str(),
        "https://169.254.169.254/latest",
        "https://[::1]/",
        "https://2852039166/",
        "https://localhost/",
        "https://foo.localhost/",
        "https://metadata.google.internal/",
        "http://api.example.com/",
        "https://api.example.com:6379/",
        "https://user@api.example.com/",
    ] {
        assert!(is_blocked(&way.get(url(text)).await), "{text}");
    }
    assert!(way.lookups().is_empty());
    assert_eq!(canary.connections(), 0);
}

#[tokio::test]
async fn a_name_without_addresses_cannot_be_connected_to() {
    let way = Way::with("", &[], Vec::new());
    let stopped = way.get(url("https://api.example.com/")).await.unwrap_err();
    assert!(!stopped.sent);
    assert!(
        matches!(stopped.cause, Cause::Connect { ref message, .. } if message.contains("api.example.com")),
        "{stopped:?}"
    );
}

#[tokio::test]
async fn the_operators_name_is_looked_up_as_written_and_once() {
    let upstream = Upstream::answers(&http("200 OK", "", "{}")).await;
    let port = upstream.address.port();
    let way = Way::with(&format!("upstream:{port}"), &["127.0.0.1"], Vec::new());
    let answer = way
        .get(url(&format!("http://upstream:{port}/")))
        .await
        .unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(way.lookups(), ["upstream"]);
    assert!(upstream.heads()[0].contains(&format!("host: upstream:{port}\r\n")));
}

#[tokio::test]
async fn the_operators_word_holds_for_one_port_only() {
    let upstream = Upstream::answers(&http("200 OK", "", "{}")).await;
    let way = Way::to(&[upstream.address]);
    let other = url("http://127.0.0.1:1/");
    assert!(is_blocked(&way.send(&get(other)).await));
    assert!(way.get(upstream.url("/")).await.is_ok());
}
