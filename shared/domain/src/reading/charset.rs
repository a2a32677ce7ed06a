//! From bytes to characters: which encoding an answer has, and nothing guessed.

use std::borrow::Cow;

use encoding_rs::{Encoding, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE};

use super::Unreadable;
use crate::config::ResponseFormat;

const HINT: &str = "If the upstream does not say which characters it sends, write response.charset, such as \"windows-1252\".";

/// Whether text in a character encoding of this name can be read (WHATWG Encoding Standard: `utf-8`,
/// `iso-8859-1`, `windows-1252`, `shift_jis`, …).
pub fn is_known(name: &str) -> bool {
    named(name).is_some()
}

fn named(name: &str) -> Option<&'static Encoding> {
    Encoding::for_label(name.as_bytes()).filter(|encoding| *encoding != REPLACEMENT)
}

/// The body's characters, without a byte order mark.
pub(super) fn decode<'b>(
    body: &'b [u8],
    content_type: Option<&str>,
    stated: Option<&str>,
    format: ResponseFormat,
) -> Result<Cow<'b, str>, Unreadable> {
    if let Some((encoding, mark)) = Encoding::for_bom(body) {
        return strict(&body[mark..], encoding);
    }
    let declared = stated.or_else(|| parameter(content_type?));
    let declared = match (declared, format) {
        (None, ResponseFormat::Xml) => in_declaration(body),
        (declared, _) => declared,
    };
    let Some(name) = declared else {
        return strict(body, UTF_8);
    };
    match named(name) {
        Some(encoding) => strict(body, encoding),
        // A name that nobody knows: most of them stand before UTF-8 all the same.
        None => strict(body, UTF_8).map_err(|_| {
            Unreadable::new(
                "its character encoding is declared by an unknown name",
                HINT,
            )
        }),
    }
}

/// The body's characters in UTF-8.
pub(super) fn utf8(body: &[u8]) -> Result<&str, Unreadable> {
    std::str::from_utf8(body).map_err(|error| {
        let message = format!("not UTF-8 at byte {}", error.valid_up_to());
        Unreadable::new(message, HINT)
    })
}

fn strict<'b>(body: &'b [u8], encoding: &'static Encoding) -> Result<Cow<'b, str>, Unreadable> {
    if encoding == UTF_8 {
        return utf8(body).map(Cow::Borrowed);
    }
    let decoded = encoding.decode_without_bom_handling_and_without_replacement(body);
    decoded.ok_or_else(|| Unreadable::new(format!("not {} text", encoding.name()), HINT))
}

/// The `charset` of a content type.
fn parameter(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        (name.trim().eq_ignore_ascii_case("charset") && !value.is_empty()).then_some(value)
    })
}

/// The `encoding` of an XML declaration (XML 1.0, 4.3.3 and appendix F).
fn in_declaration(body: &[u8]) -> Option<&str> {
    match body {
        [b'<', 0, ..] => return Some(UTF_16LE.name()),
        [0, b'<', ..] => return Some(UTF_16BE.name()),
        _ => {}
    }
    let start = body.get(..body.len().min(256))?;
    let start = start.strip_prefix(b"<?xml")?;
    let end = start.windows(2).position(|two| two == b"?>")?;
    let declaration = std::str::from_utf8(&start[..end]).ok()?;
    let (_, after) = declaration.split_once("encoding")?;
    let value = after.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value[1..].split_once(quote).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(body: &[u8], content_type: Option<&str>, stated: Option<&str>) -> Option<String> {
        let decoded = decode(body, content_type, stated, ResponseFormat::Xml);
        decoded.ok().map(Cow::into_owned)
    }

    #[test]
    fn the_encoding_is_found_in_its_order() {
        let latin = Some("text/csv; header=present; Charset=\"ISO-8859-1\"");
        for (body, content_type, stated, text) in [
            (&b"gr\xc3\xbc\xc3\x9f"[..], None, None, Some("grüß")),
            (b"\xef\xbb\xbfgr\xc3\xbc", latin, None, Some("grü")),
            (b"gr\xfc", latin, None, Some("grü")),
            (
                b"gr\xfc",
                Some("text/plain; charset=utf-8"),
                Some("latin1"),
                Some("grü"),
            ),
            (b"gr\xfc", None, None, None),
            (b"gr\xfc", Some("text/plain; charset="), None, None),
            (
                b"\x80",
                Some("text/plain;charset=windows-1252"),
                None,
                Some("€"),
            ),
            (
                b"\x93\xfa\x96\x7b",
                Some("a/b;charset=Shift_JIS"),
                None,
                Some("日本"),
            ),
            (b"\xff\xfea\0", None, None, Some("a")),
            (b"\xfe\xff\0a", None, None, Some("a")),
            (b"<\0a\0>\0", None, None, Some("<a>")),
            (b"\0<\0a\0>", None, None, Some("<a>")),
            (b"\xff\xfea", None, None, None),
            (b"ok", Some("text/plain; charset=binary"), None, Some("ok")),
            (b"\xfc", Some("text/plain; charset=binary"), None, None),
            (
                b"x",
                Some("text/plain; charset=iso-2022-kr"),
                None,
                Some("x"),
            ),
            (
                b"<?xml version='1.0' encoding='iso-8859-15'?><a>\xa4</a>",
                None,
                None,
                Some("<?xml version='1.0' encoding='iso-8859-15'?><a>€</a>"),
            ),
            (
                b"<?xml version=\"1.0\" encoding=\"utf-8\"?><a>\xa4</a>",
                Some("text/xml; charset=iso-8859-15"),
                None,
                Some("<?xml version=\"1.0\" encoding=\"utf-8\"?><a>€</a>"),
            ),
        ] {
            assert_eq!(
                decoded(body, content_type, stated).as_deref(),
                text,
                "{body:?}"
            );
        }
    }

    #[test]
    fn names_are_those_of_the_encoding_standard() {
        for (name, known) in [
            ("utf8", true),
            ("latin1", true),
            ("UTF-7", false),
            ("x", false),
            ("iso-2022-cn", false),
        ] {
            assert_eq!(is_known(name), known, "{name}");
        }
    }
}
