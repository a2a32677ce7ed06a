//! Redirects, followed by hand.

use domain::config::Method;
use executor::outbound::{Call, Redirects};
use http::{HeaderMap, HeaderValue};
use vault::mask::Masker;

use crate::upstream::{Reply, Upstream, Way, get, http, is_blocked, is_invalid, post};

fn to(location: &str) -> String {
    http("302 Found", &format!("Location: {location}\r\n"), "")
}

fn ok() -> Vec<u8> {
    http("200 OK", "", "{}").into_bytes()
}

fn authorized() -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut value = HeaderValue::from_static("Bearer s3cret-value");
    value.set_sensitive(true);
    headers.insert("authorization", value);
    headers.insert("x-custom", HeaderValue::from_static("mine"));
    headers.insert("accept", HeaderValue::from_static("application/json"));
    headers
}

#[tokio::test]
async fn the_same_origin_is_followed_with_the_credential() {
    let replies = vec![Reply::Raw(to("/b").into_bytes()), Reply::Raw(ok())];
    let upstream = Upstream::start(replies).await;
    let masker = Masker::new(&["s3cret-value".into()]);
    let call = Call {
        headers: authorized(),
        secrets: Some(&masker),
        ..get(upstream.url("/a?x=1"))
    };
    let answer = Way::to(&[upstream.address]).send(&call).await.unwrap();
    assert_eq!(answer.status, 200);
    let heads = upstream.heads();
    assert!(heads[1].starts_with("get /b http/1.1"));
    assert!(heads[1].contains("authorization: bearer s3cret-value"));
    assert!(!heads[1].contains("referer"));
}

#[tokio::test]
async fn at_most_three_are_followed() {
    let upstream = Upstream::start(vec![Reply::Raw(to("/again").into_bytes())]).await;
    let result = Way::to(&[upstream.address]).get(upstream.url("/")).await;
    assert!(is_invalid(&result));
    assert_eq!(upstream.heads().len(), 4);
}

#[tokio::test]
async fn other_methods_are_not_followed() {
    for method in [Method::Post, Method::Put, Method::Patch, Method::Delete] {
        let upstream = Upstream::start(vec![Reply::Raw(to("/b").into_bytes())]).await;
        let call = Call {
            method,
            ..post(upstream.url("/"))
        };
        assert!(is_invalid(&Way::to(&[upstream.address]).send(&call).await));
        assert_eq!(upstream.heads().len(), 1);
    }
}

#[tokio::test]
async fn another_origin_is_never_reached() {
    let canary = Upstream::start(vec![Reply::Raw(ok())]).await;
    for location in [
        format!("http://{}/", canary.address),
        format!("//{}/x", canary.address),
        format!("http://user:pass@{}/", canary.address),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "https://private.example.com/".to_owned(),
        "gopher://127.0.0.1:6379/_INFO".to_owned(),
    ] {
        let upstream = Upstream::answers(&to(&location)).await;
        let way = Way::to(&[upstream.address, canary.address]);
        let result = way.get(upstream.url("/")).await;
        assert!(is_blocked(&result), "{location} {result:?}");
        assert!(way.lookups().is_empty());
    }
    assert_eq!(canary.connections(), 0);
}

#[tokio::test]
async fn a_listed_host_is_reached_without_what_was_the_tools() {
    let other = Upstream::start(vec![Reply::Raw(ok())]).await;
    let upstream = Upstream::answers(&to(&format!("http://{}/sink", other.address))).await;
    let masker = Masker::new(&["s3cret-value".into()]);
    let allowed = [other.address.to_string()];
    let call = Call {
        headers: authorized(),
        secrets: Some(&masker),
        redirects: Redirects {
            follow: 3,
            cross_host: true,
            allowed_hosts: &allowed,
        },
        ..get(upstream.url("/"))
    };
    let way = Way::to(&[upstream.address, other.address]);
    assert_eq!(way.send(&call).await.unwrap().status, 200);
    let head = &other.heads()[0];
    assert!(head.contains("accept: application/json"));
    for leak in ["authorization", "s3cret", "x-custom", "referer", "cookie"] {
        assert!(!head.contains(leak), "{leak} in {head}");
    }
}

#[tokio::test]
async fn a_location_that_carries_the_credential_away_is_refused() {
    let other = Upstream::start(vec![Reply::Raw(ok())]).await;
    let location = format!("http://{}/?apikey=s3cret-value", other.address);
    let upstream = Upstream::answers(&to(&location)).await;
    let masker = Masker::new(&["s3cret-value".into()]);
    let allowed = [other.address.to_string()];
    let call = Call {
        secrets: Some(&masker),
        redirects: Redirects {
            follow: 3,
            cross_host: true,
            allowed_hosts: &allowed,
        },
        ..get(upstream.url("/"))
    };
    let way = Way::to(&[upstream.address, other.address]);
    assert!(is_blocked(&way.send(&call).await));
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn two_locations_or_none_are_a_bad_redirect() {
    for headers in ["", "Location: /ok\r\nLocation: http://169.254.169.254/\r\n"] {
        let upstream = Upstream::answers(&http("302 Found", headers, "")).await;
        let result = Way::to(&[upstream.address]).get(upstream.url("/")).await;
        assert!(is_invalid(&result));
        assert_eq!(upstream.heads().len(), 1);
    }
}

#[tokio::test]
async fn a_refresh_header_means_nothing() {
    let refresh = http("200 OK", "Refresh: 0;url=http://169.254.169.254/\r\n", "{}");
    let upstream = Upstream::answers(&refresh).await;
    let answer = Way::to(&[upstream.address])
        .get(upstream.url("/"))
        .await
        .unwrap();
    assert_eq!((answer.status, upstream.heads().len()), (200, 1));
}
