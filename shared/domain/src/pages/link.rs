//! The header `Link` (RFC 8288): which URL is the next page.

/// The target of the first link whose relation is `next`, as written. Links of another context (`anchor`) do not
/// count. What breaks the syntax is passed over, up to the next comma.
pub(super) fn next(header: &str) -> Option<&str> {
    let mut rest = header;
    loop {
        let open = rest.find('<')?;
        let from = &rest[open + 1..];
        let close = from.find('>')?;
        let (target, mut parameters) = (&from[..close], &from[close + 1..]);
        let (mut relation, mut elsewhere) = (None, false);
        while let Some((name, value, after)) = parameter(parameters) {
            parameters = after;
            if name.eq_ignore_ascii_case("rel") {
                // The first counts (RFC 8288, 3.3).
                relation.get_or_insert(value);
            }
            elsewhere |= name.eq_ignore_ascii_case("anchor");
        }
        let is_next = relation.is_some_and(|names| {
            let mut names = names.split_ascii_whitespace();
            names.any(|name| name.eq_ignore_ascii_case("next"))
        });
        if is_next && !elsewhere {
            return Some(target.trim());
        }
        rest = &parameters[parameters.find(',')?..];
    }
}

/// `; name=value` or `; name="value"` at the beginning: name, value, and what follows. The value of a quoted one
/// keeps its backslashes; names of relations have none.
fn parameter(text: &str) -> Option<(&str, &str, &str)> {
    let mut text = text.trim_start();
    // Empty ones are allowed.
    while let Some(after) = text.strip_prefix(';') {
        text = after.trim_start();
        if !text.starts_with(';') {
            break;
        }
    }
    let end = text.find(['=', ';', ',', '<'])?;
    let name = text[..end].trim();
    let Some(after) = text[end..].strip_prefix('=') else {
        // Without a value; the last of a link is told by the comma after it.
        return (text[end..].starts_with(';') && !name.is_empty())
            .then(|| (name, "", &text[end..]));
    };
    let after = after.trim_start();
    if let Some(quoted) = after.strip_prefix('"') {
        let mut escaped = false;
        let close = quoted.bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        })?;
        return Some((name, &quoted[..close], &quoted[close + 1..]));
    }
    let end = after.find([';', ',']).unwrap_or(after.len());
    Some((name, after[..end].trim(), &after[end..]))
}

#[cfg(test)]
mod tests {
    use super::next;

    #[test]
    fn the_next_link_is_found() {
        for (header, found) in [
            (
                "<https://a.example/?p=2>; rel=\"next\"",
                Some("https://a.example/?p=2"),
            ),
            ("</items?p=2>; rel=next", Some("/items?p=2")),
            ("<?p=2> ; REL = \"NEXT\" ; title=\"x\"", Some("?p=2")),
            (
                "</1>; rel=\"prev\", </3>; rel=\"next\", </9>; rel=\"last\"",
                Some("/3"),
            ),
            (
                "</1>;rel=\"first prev\",</3>;rel=\"other next\"",
                Some("/3"),
            ),
            (
                "</a,b;c>; title=\"x, <y>; rel=\\\"next\\\"\"; rel=prev, </2>; rel=next",
                Some("/2"),
            ),
            (
                "</2>; rel=next; anchor=\"/other\", </3>; rel=next",
                Some("/3"),
            ),
            ("</1>; rel=prev; rel=next", None),
            ("</1>; rel=\"nextish\"", None),
            ("</1>", None),
            ("</1>, </2>; rel=next", Some("/2")),
            ("</1>; crossorigin; rel=next", Some("/1")),
            ("</1>;; rel=next", Some("/1")),
            ("", None),
            ("nonsense, rel=next", None),
            ("<unclosed; rel=next", None),
            ("</1>; rel=\"next", None),
            (",, ,</1>; rel=next", Some("/1")),
        ] {
            assert_eq!(next(header), found, "{header}");
        }
    }
}
