//! What workspaces and keys may be called.

use web::Fields;

/// Longest display name, in characters.
const MAX_NAME: usize = 100;

/// The name as it is kept; one that is empty, too long or hides characters is a fault.
pub(crate) fn kept(fields: &mut Fields, name: &str, example: &str) -> String {
    let name = name.trim().to_owned();
    let visible = domain::text::hidden_character(&name).is_none();
    if !(1..=MAX_NAME).contains(&name.chars().count()) || !visible {
        fields.refuse("name", "a name has 1 to 100 visible characters", example);
    }
    name
}

/// A text that is no slug is a fault.
pub(crate) fn check_slug(fields: &mut Fields, slug: &str) {
    if !is_slug(slug) {
        fields.refuse(
            "slug",
            "a slug has 1 to 63 characters of a-z and 0-9 with single - between them, and is no UUID",
            "state one, such as my-team",
        );
    }
}

/// Lower case; every run of other characters one `-`.
pub(crate) fn slug_of(name: &str) -> Option<String> {
    let mut slug = String::new();
    for c in name.chars().map(|c| c.to_ascii_lowercase()) {
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
        if slug.len() == 63 {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    (!slug.is_empty()).then(|| slug.to_owned())
}

/// A UUID would be taken for an id in `X-Workspace-Id`.
fn is_slug(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--")
        && text.parse::<uuid::Uuid>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_slugs() {
        for (name, slug) in [
            ("Research", Some("research")),
            ("  My  Team! ", Some("my-team")),
            ("日本", None),
        ] {
            assert_eq!(slug_of(name).as_deref(), slug, "{name}");
        }
        assert!(is_slug(&slug_of(&"a b".repeat(60)).unwrap()));
    }

    #[test]
    fn refuses_slugs_that_look_like_ids() {
        for bad in [
            "",
            "-a",
            "a-",
            "A",
            "a_b",
            "a--b",
            "0190f6c0-7b2a-7c31-b1a3-3f1d2f0c9f11",
        ] {
            assert!(!is_slug(bad), "{bad}");
        }
    }
}
