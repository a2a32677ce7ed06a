//! Reads paths: split at slashes when the tool is saved, so that nothing is glued into a URL later.

use percent_encoding::percent_decode_str;

use super::fields::Object;
use super::{PathSegment, Piece};
use crate::walk::{At, Faults};

/// Longest path, in bytes.
const MAX_BYTES: usize = 2048;

/// Reads `api.path`: its segments, and whether it ends with a slash.
pub(super) fn read(api: Object<'_, '_>, faults: &mut Faults) -> Option<(Vec<PathSegment>, bool)> {
    let path = faults.text(api, "path")?;
    let at = api.at.name("path");
    if path.is_empty() {
        return None;
    }
    if path.len() > MAX_BYTES {
        faults.add(&at, "invalid_length", "a path has at most 2 KB");
        return None;
    }
    if !path.starts_with('/') {
        let absolute = path.contains("://");
        let (message, hint) = if absolute {
            (
                "a path is not a whole URL",
                "put scheme and host into \"base_url\"".to_owned(),
            )
        } else {
            ("a path begins with a slash", format!("write \"/{path}\""))
        };
        faults.advise(&at, "invalid_path", message, hint);
        return None;
    }
    Some(segments(path, &at, faults))
}

/// The segments of a path that begins with a slash (or is empty), and whether it ends with one.
pub(super) fn segments(path: &str, at: &At<'_>, faults: &mut Faults) -> (Vec<PathSegment>, bool) {
    if path.contains("${") {
        let message = "a path holds no secret";
        let hint = "a credential belongs into \"api.auth\"; placeholders are written {name}";
        faults.advise(at, "secret_not_allowed", message, hint);
        return (Vec::new(), false);
    }
    for (c, hint) in [
        (
            '?',
            "write query parameters into \"api.params\" or \"mapping.input_to_params\"",
        ),
        ('#', "leave it out; a fragment is never sent"),
        ('\\', "use / between segments"),
    ] {
        if path.contains(c) {
            let message = format!("a path does not contain \"{c}\"");
            faults.advise(at, "invalid_path", message, hint);
            return (Vec::new(), false);
        }
    }
    if path.contains(char::is_control) {
        faults.add(
            at,
            "invalid_path",
            "a path does not contain control characters",
        );
        return (Vec::new(), false);
    }
    let inner = path.strip_prefix('/').unwrap_or(path);
    let (inner, slash) = match inner.strip_suffix('/') {
        Some(inner) => (inner, true),
        None => (inner, !path.is_empty() && inner.is_empty()),
    };
    if inner.is_empty() {
        if path.len() > 1 {
            faults.add(at, "invalid_path", "a path has no empty segments (//)");
        }
        return (Vec::new(), slash);
    }
    let mut segments = Vec::new();
    for text in inner.split('/') {
        match segment(text) {
            Ok(segment) => segments.push(segment),
            Err(why) => faults.add(at, "invalid_path", why),
        }
    }
    (segments, slash)
}

fn segment(text: &str) -> Result<PathSegment, String> {
    if text.is_empty() {
        return Err("a path has no empty segments (//)".to_owned());
    }
    let pieces = pieces(text)?
        .into_iter()
        .map(|piece| match piece {
            Piece::Text(text) => decoded(&text).map(Piece::Text),
            placeholder @ Piece::Placeholder(_) => Ok(placeholder),
        })
        .collect::<Result<Vec<_>, _>>()?;
    if let [Piece::Text(text)] = pieces.as_slice() {
        let plain = text.split(';').next().unwrap_or_default();
        if matches!(plain, "." | "..") {
            return Err(format!("a path has no \"{plain}\" segments"));
        }
    }
    Ok(PathSegment(pieces))
}

/// Undoes percent-encoding: segments are kept as they are meant and encoded when they are sent.
fn decoded(text: &str) -> Result<String, String> {
    let bytes = text.as_bytes();
    for (at, _) in text.match_indices('%') {
        let digits = bytes.get(at + 1..at + 3);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Err("after % two hexadecimal digits are needed (%25 is %)".to_owned());
        }
    }
    let decoded = percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| "what is percent-encoded must be UTF-8".to_owned())?;
    if decoded.contains(|c: char| c.is_control() || c == '\\') {
        return Err("a path does not contain control characters or backslashes".to_owned());
    }
    Ok(decoded.into_owned())
}

/// Splits a text at its `{placeholders}`.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find(['{', '}']) {
        let (before, braces) = rest.split_at(open);
        let inner = braces
            .strip_prefix('{')
            .ok_or("a closing brace without an opening one")?;
        let (name, after) = inner
            .split_once('}')
            .ok_or("an opening brace without a closing one")?;
        if name.contains('{') {
            return Err("placeholders do not nest; write {name}".to_owned());
        }
        placeholder(name)?;
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        pieces.push(Piece::Placeholder(name.to_owned()));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}

/// Whether a text can be the name of a placeholder.
pub(super) fn placeholder(name: &str) -> Result<(), String> {
    let well_formed = (1..=128).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '$' | '@'));
    if well_formed {
        Ok(())
    } else {
        Err("a placeholder's name has letters, digits, _, - and .".to_owned())
    }
}
