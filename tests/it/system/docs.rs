//! `GET /docs`.

use std::collections::BTreeSet;

use regex::Regex;
use testkit::TestApp;

/// What a page or style sheet loads: `src`, `href`, `url(…)`, `@import`.
fn loaded(text: &str) -> BTreeSet<String> {
    let loads =
        Regex::new(r#"(?:\b(?:src|href)\s*=\s*["']?|url\(\s*["']?|@import\s+["'])([^"')\s>]+)"#)
            .unwrap();
    loads
        .captures_iter(text)
        .map(|found| found[1].to_owned())
        .collect()
}

#[tokio::test]
async fn serves_everything_it_loads_itself() {
    let app = TestApp::start().await;
    let anon = app.anon();
    let page = anon.get("/docs").await;
    assert_eq!(page.status(), 200);
    assert!(
        page.header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
    let assets = loaded(&page.text());
    assert!(assets.len() >= 3, "{assets:?}");
    for asset in assets.iter().filter(|asset| !asset.starts_with("data:")) {
        assert!(!asset.contains("//"), "{asset} is of another host");
        let path = if asset.starts_with('/') {
            asset.clone()
        } else {
            format!("/{asset}")
        };
        let response = anon.get(&path).await;
        assert_eq!(response.status(), 200, "{path}");
        assert!(!response.bytes().is_empty(), "{path}");
        if path.ends_with(".css") {
            for inner in loaded(&response.text()) {
                assert!(inner.starts_with("data:"), "{path} loads {inner}");
            }
        }
    }
}

#[tokio::test]
async fn the_browser_is_told_to_load_nothing_from_elsewhere() {
    let app = TestApp::start().await;
    let page = app.anon().get("/docs").await;
    let policy = page.header("content-security-policy").unwrap();
    for rule in policy
        .split(';')
        .map(str::trim)
        .filter(|rule| !rule.is_empty())
    {
        for source in rule.split_whitespace().skip(1) {
            assert!(
                matches!(source, "'self'" | "'none'" | "'unsafe-inline'" | "data:"),
                "{rule}"
            );
        }
    }
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert!(
        !policy.contains("script-src 'self' 'unsafe-inline'"),
        "{policy}"
    );
}

#[tokio::test]
async fn shows_the_description_of_this_api() {
    let app = TestApp::start().await;
    let script = app.anon().get("/docs/docs.js").await;
    assert_eq!(script.status(), 200);
    assert!(script.text().contains("openapi.json"), "{}", script.text());
    assert!(!script.text().contains("http"), "{}", script.text());
    let absent = app.anon().get("/docs/absent.js").await;
    assert_eq!(absent.status(), 404);
    assert_eq!(absent.code(), "not_found");
}
