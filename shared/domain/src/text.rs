//! Words and characters: what was probably meant, and which characters nobody may send.

use unicode_normalization::UnicodeNormalization as _;

/// The hint `did you mean "…"?` for a word that is none of the candidates, when one is near.
///
/// ```
/// let hint = domain::text::did_you_mean("base_ulr", &["base_url", "method"]);
/// assert_eq!(hint.as_deref(), Some("did you mean \"base_url\"?"));
/// ```
pub fn did_you_mean(word: &str, candidates: &[&str]) -> Option<String> {
    nearest(word, candidates.iter().copied()).map(|near| format!("did you mean \"{near}\"?"))
}

/// The candidate nearest to a word: the same but for case, `_`, `-` and spaces, else within an edit
/// distance of a third of its length. The first of equally near ones.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = plain(word);
    // A longer word is no typing error, and the distance of two of them costs their product.
    if word.is_empty() || word.len() > 64 {
        return None;
    }
    let allowed = (word.len() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let other = plain(candidate);
        if other.len().abs_diff(word.len()) > allowed {
            continue;
        }
        let found = distance(&word, &other);
        let as_good = found <= allowed && found < word.len().max(other.len());
        if as_good && best.is_none_or(|(least, _)| found < least) {
            best = Some((found, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

fn plain(word: &str) -> Vec<char> {
    word.chars()
        .filter(|c| !matches!(c, '_' | '-' | ' '))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Edit distance: insertions, deletions, replacements and swaps of neighbours.
pub(crate) fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let replace = last[j] + usize::from(x != y);
            let mut least = replace.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

/// The first character of a text that a model would read and a person would not see, or that turns
/// the writing direction round, with the name of its kind. Line breaks and tabs are fine.
///
/// ```
/// use domain::text::hidden_character;
/// assert_eq!(hidden_character("two\nlines"), None);
/// assert_eq!(hidden_character("a\u{202e}txt.exe"), Some(('\u{202e}', "a bidirectional control")));
/// ```
pub fn hidden_character(text: &str) -> Option<(char, &'static str)> {
    if text
        .bytes()
        .all(|b| matches!(b, 0x20..=0x7e | b'\n' | b'\t' | b'\r'))
    {
        return None;
    }
    text.chars()
        .find_map(|c| hidden_kind(c).map(|kind| (c, kind)))
}

fn hidden_kind(c: char) -> Option<&'static str> {
    match c {
        '\n' | '\t' | '\r' => None,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' => Some("a control character"),
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            Some("a bidirectional control")
        }
        '\u{ad}'
        | '\u{34f}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200d}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{2060}'..='\u{2065}'
        | '\u{206a}'..='\u{206f}'
        | '\u{2800}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' => Some("a zero-width or invisible character"),
        // U+FE0E and U+FE0F choose how an emoji looks; the others can only hide data.
        '\u{fe00}'..='\u{fe0d}' | '\u{e0100}'..='\u{e01ef}' => Some("a variation selector"),
        '\u{e0000}'..='\u{e00ff}' | '\u{e01f0}'..='\u{e0fff}' => Some("a Unicode tag character"),
        _ => None,
    }
}

/// What a name looks like: two names with the same look may not stand side by side. Compatibility
/// forms, case, and the look-alikes of Latin letters in Cyrillic and Greek are folded.
///
/// ```
/// assert_eq!(domain::text::look("Раypal"), domain::text::look("paypal"));
/// ```
pub fn look(name: &str) -> String {
    name.nfkc()
        .flat_map(char::to_lowercase)
        .map(latin_look)
        .collect()
}

fn latin_look(c: char) -> char {
    match c {
        'а' | 'α' | 'ɑ' => 'a',
        'Ь' | 'ь' => 'b',
        'с' | 'ϲ' => 'c',
        'ԁ' => 'd',
        'е' | 'ҽ' => 'e',
        'һ' => 'h',
        'і' | 'ι' | 'ı' => 'i',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'ӏ' => 'l',
        'м' => 'm',
        'п' => 'n',
        'о' | 'ο' | 'σ' => 'o',
        'р' | 'ρ' => 'p',
        'ԛ' => 'q',
        'ѕ' => 's',
        'т' | 'τ' => 't',
        'υ' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' | 'ω' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'γ' => 'y',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_word_that_was_meant() {
        let fields = [
            "base_url",
            "method",
            "input_schema",
            "output_schema",
            "auth",
        ];
        for (word, meant) in [
            ("baseUrl", Some("base_url")),
            ("base-url", Some("base_url")),
            ("base_ulr", Some("base_url")),
            ("methd", Some("method")),
            ("outputschema", Some("output_schema")),
            ("input_shcema", Some("input_schema")),
            ("Auth", Some("auth")),
            ("is_admin", None),
            ("zzzz", None),
            ("", None),
            ("x", None),
            (&"a".repeat(100_000), None),
        ] {
            assert_eq!(nearest(word, fields), meant, "{word}");
        }
    }

    #[test]
    fn counts_a_swap_as_one_edit() {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        assert_eq!(distance(&chars("abcd"), &chars("abdc")), 1);
        assert_eq!(distance(&chars("kitten"), &chars("sitting")), 3);
        assert_eq!(distance(&[], &chars("abc")), 3);
    }

    #[test]
    fn sees_hidden_characters() {
        for (text, hidden) in [
            ("plain text, tab\t and\r\nline", false),
            ("Grüße 日本語 😀 ❤\u{fe0f}", false),
            ("nul\u{0}", true),
            ("\u{1b}[2J", true),
            ("del\u{7f}", true),
            ("c1\u{85}", true),
            ("rtl\u{202e}", true),
            ("iso\u{2066}", true),
            ("zwsp\u{200b}", true),
            ("bom\u{feff}", true),
            ("soft\u{ad}hyphen", true),
            ("tag\u{e0049}", true),
            ("vs\u{e0101}", true),
            ("filler\u{3164}", true),
            ("line\u{2028}", true),
        ] {
            assert_eq!(hidden_character(text).is_some(), hidden, "{text:?}");
        }
    }

    #[test]
    fn look_alikes_fold_together() {
        for (one, two) in [("Weather", "wеаthеr"), ("ＡＢＣ", "abc"), ("ﬁle", "file")] {
            assert_eq!(look(one), look(two));
        }
        assert_ne!(look("weather"), look("whether"));
    }
}
