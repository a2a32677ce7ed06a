//! What `.dockerignore` leaves out: the last pattern that matches a path, or a folder above it, decides.

use std::path::Path;

use regex::Regex;

pub(super) struct Ignore(Vec<(bool, Regex)>);

impl Ignore {
    pub(super) fn read(text: &str) -> Self {
        let lines = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self(
            lines
                .map(|line| match line.strip_prefix('!') {
                    Some(kept) => (false, pattern(kept)),
                    None => (true, pattern(line)),
                })
                .collect(),
        )
    }

    pub(super) fn ignores(&self, path: &Path) -> bool {
        let above: Vec<&str> = path
            .ancestors()
            .filter_map(Path::to_str)
            .filter(|path| !path.is_empty())
            .collect();
        let matching = self
            .0
            .iter()
            .rfind(|(_, pattern)| above.iter().any(|path| pattern.is_match(path)));
        matching.is_some_and(|(ignored, _)| *ignored)
    }
}

/// `**/` is any number of folders, `*` anything within one name.
fn pattern(text: &str) -> Regex {
    let escaped = regex::escape(text)
        .replace(r"\*\*/", "(?:.*/)?")
        .replace(r"\*", "[^/]*");
    Regex::new(&format!("^{escaped}$")).unwrap()
}

#[test]
fn the_last_pattern_that_matches_decides() {
    let ignore = Ignore::read("*\n!kept\n**/target\n**/.env*\n");
    for (path, ignored) in [
        ("other/file", true),
        ("kept/a/b", false),
        ("kept/target/b", true),
        ("kept/.env.local", true),
        ("kept/targets", false),
    ] {
        assert_eq!(ignore.ignores(Path::new(path)), ignored, "{path}");
    }
}
