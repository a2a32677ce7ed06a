//! Texts taken apart into words: identifiers split, endings dropped.

use std::sync::LazyLock;

/// Characters of a word; the rest of a longer one is no word of a person.
const MAX_WORD: usize = 40;

/// Words that say nothing about what a tool does.
const FILLERS: [&str; 97] = [
    "a", "about", "after", "again", "all", "also", "am", "an", "and", "any", "are", "as", "at",
    "be", "been", "before", "but", "by", "can", "could", "did", "do", "does", "doing", "for",
    "from", "had", "has", "have", "having", "he", "her", "here", "him", "his", "how", "i", "if",
    "in", "into", "is", "it", "its", "just", "let", "like", "ll", "me", "more", "my", "need", "no",
    "not", "now", "of", "on", "one", "or", "our", "out", "over", "please", "re", "s", "shall",
    "she", "should", "so", "some", "t", "than", "that", "the", "their", "them", "then", "there",
    "these", "they", "this", "those", "to", "up", "us", "ve", "want", "was", "we", "were", "what",
    "when", "where", "which", "will", "with", "would", "you",
];

/// Verbs and nouns that APIs use for the same thing.
const SAME: [&[&str]; 16] = [
    &[
        "get", "fetch", "read", "retrieve", "show", "find", "look", "lookup", "view", "tell",
        "see", "check", "info", "detail",
    ],
    &[
        "list", "all", "search", "find", "browse", "query", "index", "many",
    ],
    &[
        "create", "add", "new", "make", "insert", "register", "post", "open", "start", "set",
    ],
    &[
        "update", "edit", "change", "modify", "rename", "patch", "put", "set", "replace", "adjust",
    ],
    &[
        "delete", "remove", "drop", "destroy", "erase", "unset", "rid", "clear", "purge", "cancel",
    ],
    &["send", "post", "publish", "deliver", "write", "text"],
    &["upload", "attach", "attachment", "file", "import"],
    &["download", "export", "save"],
    &["user", "member", "person", "people", "account"],
    &["team", "group", "organization", "workspace"],
    &["task", "todo", "card", "issue", "ticket"],
    &["archive", "close", "deactivate", "disable"],
    &["mail", "email"],
    &["phone", "telephone", "number", "sms"],
    &["picture", "image", "photo", "avatar", "icon"],
    &["invite", "add", "join"],
];

/// The groups of [`SAME`] as stems.
static SAME_STEMS: LazyLock<Vec<Vec<String>>> = LazyLock::new(|| {
    let stems = |group: &&[&str]| group.iter().map(|word| stem(word)).collect();
    SAME.iter().map(stems).collect()
});

/// The words of a text in lower case: `getUserByID`, `get_user-by id` and `Get user by ID` have the same. Scripts without spaces
/// give every pair of neighbouring characters.
pub(super) fn simple(text: &str) -> impl Iterator<Item = String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut chars = text.chars().peekable();
    let mut before = ' ';
    while let Some(c) = chars.next() {
        if is_ideographic(c) {
            end(&mut words, &mut word);
            if let Some(next) = chars.peek().filter(|next| is_ideographic(**next)) {
                words.push([c, *next].iter().collect());
            } else if !is_ideographic(before) {
                words.push(c.to_string());
            }
        } else if c.is_alphanumeric() {
            let begins = c.is_uppercase()
                && (before.is_lowercase()
                    || before.is_uppercase()
                        && chars.peek().is_some_and(|next| next.is_lowercase()));
            let turns = c.is_numeric() != before.is_numeric() && before.is_alphanumeric();
            if begins || turns {
                end(&mut words, &mut word);
            }
            if word.len() < MAX_WORD {
                word.extend(c.to_lowercase());
            }
        } else if c != '\'' && c != '’' {
            end(&mut words, &mut word);
        } else {
            // "don't" is no other word than "dont", and "user's" none than "users".
        }
        before = c;
    }
    end(&mut words, &mut word);
    words.into_iter()
}

fn end(words: &mut Vec<String>, word: &mut String) {
    if !word.is_empty() {
        words.push(std::mem::take(word));
    }
}

/// Chinese, Japanese and Thai characters, and Korean ones, whose particles stick to the word.
const fn is_ideographic(c: char) -> bool {
    matches!(c, '\u{0e00}'..='\u{0e7f}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Whether a word says nothing about what a tool does.
pub(super) fn is_filler(word: &str) -> bool {
    FILLERS.binary_search(&word).is_ok()
}

/// The words without their endings.
pub(super) fn stems(words: &[String]) -> impl Iterator<Item = Box<str>> {
    words.iter().map(|word| stem(word).into_boxed_str())
}

/// Neighbours as one word: `web hook` is a `webhook` too.
pub(super) fn joined(words: &[String]) -> impl Iterator<Item = Box<str>> {
    let long = |word: &String| word.len() >= 2 && word.bytes().all(|b| b.is_ascii_lowercase());
    words
        .windows(2)
        .filter(move |pair| pair.iter().all(long))
        .map(|pair| stem(&pair.concat()).into_boxed_str())
}

/// An English word without its ending, so that `messages`, `messaging` and `message` are one. Another language's word may lose a
/// letter, in the tool's text and in the one looked for alike.
pub(super) fn stem(word: &str) -> String {
    if word.len() <= 3 || !word.bytes().all(|b| b.is_ascii_lowercase()) {
        return word.to_owned();
    }
    let plain = singular(word);
    let base = ["ing", "ed", "er", "ion"]
        .into_iter()
        .find_map(|ending| without(&plain, ending))
        .unwrap_or(plain);
    match base.strip_suffix('e') {
        Some(base) if base.len() >= 3 => base.to_owned(),
        _ => base,
    }
}

fn singular(word: &str) -> String {
    if let Some(base) = word.strip_suffix("ies").filter(|base| base.len() >= 2) {
        return format!("{base}y");
    }
    if let Some(base) = word.strip_suffix("es")
        && ["x", "ch", "sh", "ss", "z"]
            .iter()
            .any(|end| base.ends_with(end))
    {
        return base.to_owned();
    }
    match word.strip_suffix('s') {
        Some(base) if !["s", "u", "i"].iter().any(|end| base.ends_with(end)) => base.to_owned(),
        _ => word.to_owned(),
    }
}

/// The word without this ending, if something like a word is left; a doubled last letter is one again.
fn without(word: &str, ending: &str) -> Option<String> {
    let base = word.strip_suffix(ending)?;
    let vowel = base
        .bytes()
        .any(|b| matches!(b, b'a' | b'e' | b'i' | b'o' | b'u' | b'y'));
    let allowed = match ending {
        "ion" => base.len() >= 4 && (base.ends_with('t') || base.ends_with('s')),
        "er" => base.len() >= 5,
        _ => base.len() >= 3,
    };
    if !vowel || !allowed {
        return None;
    }
    let bytes = base.as_bytes();
    let last = bytes[bytes.len() - 1];
    let doubled =
        bytes.len() >= 4 && bytes[bytes.len() - 2] == last && !matches!(last, b'l' | b's' | b'z');
    Some(if doubled {
        base[..base.len() - 1].to_owned()
    } else {
        base.to_owned()
    })
}

/// Other stems that mean the same in APIs.
pub(super) fn synonyms(stem: &str) -> impl Iterator<Item = &'static str> {
    SAME_STEMS
        .iter()
        .filter(move |group| group.iter().any(|known| known == stem))
        .flat_map(|group| group.iter().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<String> {
        simple(text).collect()
    }

    #[test]
    fn identifiers_are_taken_apart() {
        for same in [
            "getUserByID2",
            "get_user-by id 2",
            "Get user by ID (2)",
            "GetUserByID 2",
        ] {
            assert_eq!(split(same), ["get", "user", "by", "id", "2"], "{same}");
        }
        assert_eq!(split("HTTPServerURL"), ["http", "server", "url"]);
        assert_eq!(split("天気予報 today"), ["天気", "気予", "予報", "today"]);
        assert_eq!(split("user's Überweisung"), ["users", "überweisung"]);
        assert!(split(" \u{0}--//").is_empty());
        assert_eq!(split(&"x".repeat(10_000))[0].len(), MAX_WORD);
    }

    #[test]
    fn forms_of_a_word_are_one() {
        for forms in [
            &["message", "messages", "messaging", "messaged"][..],
            &["create", "creates", "created", "creating", "creation"],
            &["delete", "deleted", "deleting", "deletion"],
            &["box", "boxes"],
            &["company", "companies"],
            &["stop", "stopped", "stopping"],
            &["list", "lists", "listing", "listed"],
        ] {
            for form in forms {
                assert_eq!(stem(form), stem(forms[0]), "{form}");
            }
        }
        for (one, other) in [
            ("status", "state"),
            ("news", "new_"),
            ("string", "str"),
            ("user", "us"),
        ] {
            assert_ne!(stem(one), stem(other));
        }
    }

    #[test]
    fn lists_are_as_they_are_searched() {
        assert!(FILLERS.is_sorted());
        assert!(is_filler("the") && !is_filler("weather"));
        for group in SAME_STEMS.iter() {
            let mut stems = group.clone();
            stems.sort_unstable();
            stems.dedup();
            assert_eq!(stems.len(), group.len(), "one word twice: {group:?}");
        }
    }

    #[test]
    fn every_form_of_a_word_has_the_synonyms() {
        for (form, other) in [
            ("browsing", "lists"),
            ("browse", "listing"),
            ("users", "member"),
            ("avatars", "image"),
            ("closed", "archive"),
            ("organization", "teams"),
        ] {
            let other = stem(other);
            assert!(
                synonyms(&stem(form)).any(|known| known == other),
                "{form} finds {other}"
            );
        }
        assert_eq!(synonyms("weather").count(), 0);
    }
}
