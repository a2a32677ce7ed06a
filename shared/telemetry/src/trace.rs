//! Where a piece of work belongs: W3C trace context (level 1) and AWS X-Ray's header, read and written; pure.
//!
//! Headers come from anybody. What is not exactly as its specification says is as good as absent: no error, and no part
//! of it in any log.

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

/// The header of the W3C.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The header of X-Ray. Within Lambda it is set from the invocation, whatever the caller sent.
pub const X_AMZN_TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// Longest X-Ray header that is looked at. AWS writes fewer than 200 bytes.
const MAX_XRAY: usize = 512;

/// The whole `traceparent` of version 00.
const LENGTH: usize = 55;

/// Names a trace. Never zero.
///
/// As W3C and logs write it: 32 hexadecimal digits. X-Ray writes the same number as `1-8 digits-24 digits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(NonZeroU128);

impl TraceId {
    /// The id of this number; none for zero.
    pub const fn new(number: u128) -> Option<Self> {
        match NonZeroU128::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// As X-Ray writes it.
    pub fn xray(self) -> String {
        let (time, rest) = (self.0.get() >> 96, self.0.get() & (u128::MAX >> 32));
        format!("1-{time:08x}-{rest:024x}")
    }

    /// Reads X-Ray's `1-8 digits-24 digits`.
    fn of_xray(text: &str) -> Option<Self> {
        let (time, rest) = text.strip_prefix("1-")?.split_once('-')?;
        if time.len() != 8 || rest.len() != 24 {
            return None;
        }
        Self::new(digits(time)? << 96 | digits(rest)?)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// What somebody before us said of the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Parent {
    /// The trace.
    pub trace_id: TraceId,
    /// Whether it is recorded there.
    pub sampled: bool,
}

impl Parent {
    /// Reads a `traceparent`, as [`TraceContext::of_traceparent`] does.
    pub fn of_traceparent(text: &str) -> Option<Self> {
        TraceContext::of_traceparent(text).map(|context| context.as_parent())
    }

    /// Reads X-Ray's header: `Root=1-…-…;Parent=…;Sampled=1`, in any order and with other members.
    pub fn of_xray(text: &str) -> Option<Self> {
        if text.len() > MAX_XRAY {
            return None;
        }
        let (mut root, mut sampled) = (None, None);
        for member in text.split(';') {
            match member.trim().split_once('=') {
                Some(("Root", id)) if root.is_none() => root = Some(TraceId::of_xray(id)?),
                // Named twice, either could be meant.
                Some(("Root", _)) => return None,
                Some(("Sampled", flag)) => sampled = Some(flag != "0"),
                Some(_) | None => {}
            }
        }
        Some(Self {
            trace_id: root?,
            // Not said, or left to us: nothing speaks against recording it.
            sampled: sampled.unwrap_or(true),
        })
    }

    /// What the headers of a request say: `traceparent`, else X-Ray's. A header that is there twice says nothing.
    pub fn of_headers(headers: &HeaderMap) -> Option<Self> {
        let said = only(headers, TRACEPARENT).and_then(Self::of_traceparent);
        said.or_else(|| Self::of_xray_header(headers))
    }

    /// What X-Ray's header says: Lambda's own trace, also where the caller's is continued.
    pub fn of_xray_header(headers: &HeaderMap) -> Option<Self> {
        only(headers, X_AMZN_TRACE_ID).and_then(Self::of_xray)
    }
}

/// The header's value, if it has one and no more.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        (Some(_) | None, _) => None,
    }
}

/// A piece of work within a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceContext {
    trace_id: TraceId,
    span_id: NonZeroU64,
    sampled: bool,
}

impl TraceContext {
    /// Reads a `traceparent` (W3C Trace Context, 3.2). Of a later version, the part that version 00 has.
    pub fn of_traceparent(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let head = text.get(..LENGTH)?;
        let (version, rest) = head.split_at_checked(2)?;
        let version = digits(version)?;
        // 255 is forbidden; of 00 this is all; what follows of a later one is behind a dash.
        match (version, bytes.get(LENGTH)) {
            (0, None) => {}
            (1..=254, None | Some(b'-')) => {}
            _ => return None,
        }
        let mut parts = rest.strip_prefix('-')?.split('-');
        let (trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || (trace.len(), span.len(), flags.len()) != (32, 16, 2) {
            return None;
        }
        Some(Self {
            trace_id: TraceId::new(digits(trace)?)?,
            span_id: NonZeroU64::new(u64::try_from(digits(span)?).ok()?)?,
            sampled: digits(flags)? & 1 == 1,
        })
    }

    /// Continues the parent's trace, or begins one, which is recorded: in our logs. `random` makes the ids.
    pub fn new(parent: Option<Parent>, mut random: impl FnMut() -> u128) -> Self {
        let parent = parent.unwrap_or_else(|| Parent {
            trace_id: TraceId(NonZeroU128::new(random()).unwrap_or(NonZeroU128::MIN)),
            sampled: true,
        });
        Self {
            trace_id: parent.trace_id,
            span_id: span_id(random()),
            sampled: parent.sampled,
        }
    }

    /// The same trace with another span.
    #[must_use]
    pub fn with_span(self, random: u128) -> Self {
        Self {
            span_id: span_id(random),
            ..self
        }
    }

    /// The trace.
    pub const fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// What is told to whom it calls.
    pub const fn as_parent(&self) -> Parent {
        Parent {
            trace_id: self.trace_id,
            sampled: self.sampled,
        }
    }

    /// As the value of a `traceparent` header.
    pub fn header(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(self.to_string()).ok()
    }
}

impl fmt::Display for TraceContext {
    /// As `traceparent`, version 00.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.sampled);
        write!(f, "00-{}-{:016x}-{flags:02x}", self.trace_id, self.span_id)
    }
}

fn span_id(random: u128) -> NonZeroU64 {
    // The lower half: in a random UUID it has the fewer bits that are fixed.
    let low = u64::try_from(random & u128::from(u64::MAX)).unwrap_or_default();
    NonZeroU64::new(low).unwrap_or(NonZeroU64::MIN)
}

/// Lower-case hexadecimal digits alone: W3C forbids others, X-Ray writes no others.
fn digits(text: &str) -> Option<u128> {
    let all = text
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    all.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn read(text: &str) -> Option<(String, bool)> {
        Parent::of_traceparent(text).map(|it| (it.trace_id.to_string(), it.sampled))
    }

    #[test]
    fn a_traceparent_is_read() {
        for (text, sampled) in [
            (format!("00-{TRACE}-00f067aa0ba902b7-01"), true),
            (format!("00-{TRACE}-00f067aa0ba902b7-00"), false),
            // Of the flags only the last is known.
            (format!("00-{TRACE}-00f067aa0ba902b7-fe"), false),
            (format!("00-{TRACE}-00f067aa0ba902b7-ff"), true),
            // Later versions may say more.
            (format!("01-{TRACE}-00f067aa0ba902b7-01"), true),
            (format!("cc-{TRACE}-00f067aa0ba902b7-01-what-ever"), true),
            (format!("fe-{TRACE}-00f067aa0ba902b7-01-"), true),
        ] {
            assert_eq!(read(&text), Some((TRACE.to_owned(), sampled)), "{text}");
        }
    }

    #[test]
    fn what_is_not_exactly_a_traceparent_is_none() {
        let span = "00f067aa0ba902b7";
        for text in [
            String::new(),
            "-".repeat(55),
            "0".repeat(55),
            "00".to_owned(),
            format!("00-{TRACE}-{span}"),
            format!("00-{TRACE}-{span}-"),
            format!("00-{TRACE}-{span}-1"),
            format!("00-{TRACE}-{span}-0g"),
            format!("00-{TRACE}-{span}-001"),
            // Version 00 ends here.
            format!("00-{TRACE}-{span}-01-"),
            format!("00-{TRACE}-{span}-01-more"),
            format!("00-{TRACE}-{span}-01 "),
            format!(" 00-{TRACE}-{span}-01"),
            format!("00-{TRACE}-{span}-01,00-{TRACE}-{span}-01"),
            format!("01-{TRACE}-{span}-01.more"),
            format!("01-{TRACE}-{span}-012"),
            // Forbidden, and no version at all.
            format!("ff-{TRACE}-{span}-01"),
            format!("FE-{TRACE}-{span}-01"),
            format!("0x-{TRACE}-{span}-01"),
            format!("+0-{TRACE}-{span}-01"),
            format!("0-0{TRACE}-{span}-01"),
            // Upper case.
            format!("00-{}-{span}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-{}-01", span.to_uppercase()),
            // Zero.
            format!("00-{}-{span}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            // The dashes elsewhere, a sign, other digits.
            format!("00-{}-0{span}-01", &TRACE[1..]),
            format!("00-+{}-{span}-01", &TRACE[1..]),
            format!("00_{TRACE}_{span}_01"),
            format!("00-{}\u{0660}-{span}-01", &TRACE[2..]),
            format!("00-{TRACE}-{}é-01", &span[2..]),
            "é".repeat(28),
            "\0".repeat(55),
            format!("00-{TRACE}-{span}-01\r\nx: y"),
            "00-".repeat(100_000),
        ] {
            assert_eq!(read(&text), None, "{}", text.escape_debug());
        }
    }

    #[test]
    fn an_xray_header_is_read_in_any_order() {
        let root = "Root=1-5759e988-bd862e3fe1be46a994272793";
        let trace = "5759e988bd862e3fe1be46a994272793";
        for (text, sampled) in [
            (root.to_owned(), true),
            (format!("{root};Parent=53995c3f42cd8ad8;Sampled=1"), true),
            (format!("{root};Parent=53995c3f42cd8ad8;Sampled=0"), false),
            (
                format!("Sampled=0;Self=1-67891234-12456789abcdef012345678a;{root}"),
                false,
            ),
            (format!("Self=x; {root} ;Lineage=a:1|b:2;Sampled=?"), true),
            (format!("{root};;=;x"), true),
        ] {
            let parent = Parent::of_xray(&text).unwrap();
            assert_eq!(parent.trace_id.to_string(), trace, "{text}");
            assert_eq!(parent.sampled, sampled, "{text}");
        }
        let id = Parent::of_xray(root).unwrap().trace_id;
        assert_eq!(format!("Root={}", id.xray()), root);
    }

    #[test]
    fn what_is_not_exactly_an_xray_header_is_none() {
        for text in [
            "".to_owned(),
            "Root=".to_owned(),
            "Root=1-5759e988".to_owned(),
            "Root=2-5759e988-bd862e3fe1be46a994272793".to_owned(),
            "root=1-5759e988-bd862e3fe1be46a994272793".to_owned(),
            "Root=1-5759E988-bd862e3fe1be46a994272793".to_owned(),
            "Root=1-5759e988-bd862e3fe1be46a99427279".to_owned(),
            "Root=1-5759e9880-bd862e3fe1be46a99427279".to_owned(),
            "Root=1-00000000-000000000000000000000000".to_owned(),
            "Root=1-5759e988-bd862e3fe1be46a994272793-1".to_owned(),
            "Parent=53995c3f42cd8ad8;Sampled=1".to_owned(),
            "Root=1-5759e988-bd862e3fe1be46a994272793;Root=1-5759e988-bd862e3fe1be46a994272794"
                .to_owned(),
            format!(
                "Root=1-5759e988-bd862e3fe1be46a994272793;{}",
                "x".repeat(500)
            ),
        ] {
            assert_eq!(Parent::of_xray(&text), None, "{text}");
        }
    }

    #[test]
    fn headers_are_believed_in_their_order_and_only_once() {
        let w3c = format!("00-{TRACE}-00f067aa0ba902b7-01");
        let xray = "Root=1-5759e988-bd862e3fe1be46a994272793";
        let said = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, value.parse().unwrap());
            }
            Parent::of_headers(&headers).map(|it| it.trace_id.to_string())
        };
        let by_w3c = Some(TRACE.to_owned());
        let by_xray = Some("5759e988bd862e3fe1be46a994272793".to_owned());
        assert_eq!(said(&[]), None);
        assert_eq!(said(&[("traceparent", &w3c)]), by_w3c);
        let both = [("x-amzn-trace-id", xray), ("traceparent", w3c.as_str())];
        assert_eq!(said(&both), by_w3c);
        let bad = [("traceparent", "00-x"), ("x-amzn-trace-id", xray)];
        assert_eq!(said(&bad), by_xray);
        let twice = [("traceparent", w3c.as_str()), ("traceparent", &w3c)];
        assert_eq!(said(&twice), None);
    }

    #[test]
    fn a_trace_is_continued_with_a_span_of_its_own() {
        let text = format!("00-{TRACE}-00f067aa0ba902b7-00");
        let parent = Parent::of_traceparent(&text);
        let context = TraceContext::new(parent, || 7);
        assert_eq!(
            context.to_string(),
            format!("00-{TRACE}-0000000000000007-00")
        );
        let next = context.with_span(9);
        assert_eq!(next.to_string(), format!("00-{TRACE}-0000000000000009-00"));
        assert_eq!(next.as_parent(), parent.unwrap());
        let begun = TraceContext::new(None, || 5);
        let expected = "00-00000000000000000000000000000005-0000000000000005-01";
        assert_eq!(begun.to_string(), expected);
        // Never zero, whatever chance says.
        let odd = TraceContext::new(None, || 0).to_string();
        assert!(Parent::of_traceparent(&odd).is_some(), "{odd}");
    }

    proptest::proptest! {
        #[test]
        fn nothing_breaks_the_readers(text in ".{0,80}") {
            let _ = (Parent::of_traceparent(&text), Parent::of_xray(&text));
        }

        #[test]
        fn what_is_written_is_read_and_both_notations_mean_the_same(id: u128, span: u128, sampled: bool) {
            let trace_id = TraceId::new(id.max(1)).unwrap();
            let parent = Parent { trace_id, sampled };
            let context = TraceContext::new(Some(parent), || span);
            proptest::prop_assert_eq!(Parent::of_traceparent(&context.to_string()), Some(parent));
            proptest::prop_assert_eq!(TraceId::of_xray(&trace_id.xray()), Some(trace_id));
        }
    }
}
