//! Which declared types of content are read at all.

use domain::config::ResponseFormat;
use domain::reading::name_of;

use super::told::MAX_TYPE;
use crate::outbound::Cause;

/// Why a successful answer of this declared type is not read at all, if so.
///
/// Only types that can be no text of any kind are refused: many APIs declare JSON as `text/html`, XML as
/// `image/svg+xml` or CSV as `application/octet-stream`.
pub(crate) fn unreadable(content_type: Option<&str>, format: ResponseFormat) -> Option<Cause> {
    let essence = essence(content_type?);
    let (family, kind) = essence.split_once('/').unwrap_or((essence, ""));
    let is = |names: &[&str]| names.iter().any(|name| kind.eq_ignore_ascii_case(name));
    let refused = ["multipart", "image", "audio", "video", "font", "message"]
        .iter()
        .any(|name| family.eq_ignore_ascii_case(name))
        && !ends_with(kind, "+json")
        && !ends_with(kind, "+xml")
        || is(&["event-stream", "pdf", "zip", "gzip", "x-tar", "wasm"]);
    refused.then(|| {
        let wanted = name_of(format);
        Cause::invalid(
            if essence.len() > MAX_TYPE {
                format!("The upstream answered something else than {wanted}.")
            } else {
                format!("The upstream answered {essence}, not {wanted}.")
            },
            format!("Choose an endpoint that answers {wanted}; response.format names the format."),
        )
    })
}

/// What a content type declares, as far as rules about errors need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Declared {
    Json,
    Xml,
    PlainText,
    Other,
}

/// What is declared; `text/html` and `application/octet-stream` say nothing.
pub(super) fn declared(content_type: Option<&str>) -> Declared {
    let essence = content_type.map(essence).unwrap_or_default();
    let (_, kind) = essence.split_once('/').unwrap_or_default();
    if kind.eq_ignore_ascii_case("json") || ends_with(kind, "+json") {
        Declared::Json
    } else if kind.eq_ignore_ascii_case("xml")
        || ends_with(kind, "+xml") && !kind.starts_with("xhtml")
    {
        Declared::Xml
    } else if essence.eq_ignore_ascii_case("text/plain") {
        Declared::PlainText
    } else {
        Declared::Other
    }
}

/// The format that is declared, when it is one that a tool could name.
pub(super) fn format_of(content_type: Option<&str>) -> Option<ResponseFormat> {
    let essence = essence(content_type?).to_ascii_lowercase();
    Some(match essence.as_str() {
        "text/csv" | "application/csv" | "text/tab-separated-values" => ResponseFormat::Csv,
        "application/x-ndjson"
        | "application/ndjson"
        | "application/jsonl"
        | "application/x-jsonlines" => ResponseFormat::Ndjson,
        _ => match declared(content_type) {
            Declared::Json => ResponseFormat::Json,
            Declared::Xml => ResponseFormat::Xml,
            Declared::PlainText | Declared::Other => return None,
        },
    })
}

fn ends_with(kind: &str, suffix: &str) -> bool {
    let tail = kind
        .len()
        .checked_sub(suffix.len())
        .and_then(|at| kind.get(at..));
    tail.is_some_and(|tail| tail.eq_ignore_ascii_case(suffix))
}

fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_are_no_text_are_not_read() {
        for (declared, read) in [
            ("application/json", true),
            ("application/problem+json; charset=utf-8", true),
            ("text/html", true),
            ("application/octet-stream", true),
            ("", true),
            ("image/svg+xml", true),
            ("text/csv", true),
            ("multipart/mixed; boundary=x", false),
            ("image/png", false),
            ("Text/Event-Stream", false),
            ("application/pdf", false),
        ] {
            for format in [
                ResponseFormat::Json,
                ResponseFormat::Xml,
                ResponseFormat::Csv,
            ] {
                let refused = unreadable(Some(declared), format);
                assert_eq!(refused.is_none(), read, "{declared}");
            }
        }
        assert_eq!(unreadable(None, ResponseFormat::Json), None);
    }

    #[test]
    fn what_is_declared_is_known() {
        for (content_type, expected, format) in [
            (
                "application/JSON; charset=utf-8",
                Declared::Json,
                Some(ResponseFormat::Json),
            ),
            (
                "application/problem+json",
                Declared::Json,
                Some(ResponseFormat::Json),
            ),
            ("text/xml", Declared::Xml, Some(ResponseFormat::Xml)),
            (
                "application/soap+xml",
                Declared::Xml,
                Some(ResponseFormat::Xml),
            ),
            ("application/xhtml+xml", Declared::Other, None),
            ("text/plain", Declared::PlainText, None),
            ("text/html", Declared::Other, None),
            ("text/csv", Declared::Other, Some(ResponseFormat::Csv)),
            (
                "application/x-ndjson",
                Declared::Other,
                Some(ResponseFormat::Ndjson),
            ),
            ("ä", Declared::Other, None),
        ] {
            assert_eq!(declared(Some(content_type)), expected, "{content_type}");
            assert_eq!(format_of(Some(content_type)), format, "{content_type}");
        }
        assert_eq!(declared(None), Declared::Other);
    }
}
