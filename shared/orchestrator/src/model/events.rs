//! Server-sent events out of bytes: whole events only, each one line of JSON, none larger than allowed.
//!
//! What is behind this sees no event in part: a line that grows in many small pieces is read once, not once a piece, and
//! text that is no JSON never reaches a log.

use serde::de::IgnoredAny;

/// Most bytes of one event. The last one repeats the whole answer.
const MAX_EVENT: usize = 4 << 20;

/// Why the stream is not read further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// An event that is no UTF-8 or no JSON.
    NotJson,
    /// An event over [`MAX_EVENT`].
    TooLarge,
}

/// Collects bytes until events are whole.
#[derive(Default)]
pub(super) struct Events {
    buffer: Vec<u8>,
    /// Up to here there is no end of an event.
    searched: usize,
}

impl Events {
    /// The events that are whole now, as `data: …` lines, each followed by an empty one.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Bad> {
        self.buffer.extend_from_slice(bytes);
        let mut whole = Vec::new();
        let mut from = 0;
        while let Some(end) = end_of_event(&self.buffer, self.searched.max(from)) {
            write(&self.buffer[from..end], &mut whole)?;
            from = end;
            self.searched = end;
        }
        self.buffer.drain(..from);
        // An end may begin with the last three bytes.
        self.searched = self.buffer.len().saturating_sub(3);
        if self.buffer.len() > MAX_EVENT {
            return Err(Bad::TooLarge);
        }
        Ok(whole)
    }

    /// What stands behind the last empty line, when the stream has ended: some servers leave the line out.
    pub(super) fn rest(&mut self) -> Result<Vec<u8>, Bad> {
        let rest = std::mem::take(&mut self.buffer);
        let mut whole = Vec::new();
        // A line that was cut is no event; the stream's own end will be missed.
        match write(&rest, &mut whole) {
            Ok(()) => Ok(whole),
            Err(Bad::NotJson) => Ok(Vec::new()),
            Err(Bad::TooLarge) => Err(Bad::TooLarge),
        }
    }
}

/// Where the first event at or behind `from` ends: behind its empty line.
fn end_of_event(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(found) = bytes
        .get(at..)?
        .iter()
        .position(|byte| matches!(byte, b'\n' | b'\r'))
    {
        let first = at + found;
        let next = behind_line_end(bytes, first)?;
        match bytes.get(next)? {
            b'\n' | b'\r' => return Some(behind_line_end(bytes, next).unwrap_or(bytes.len())),
            _ => at = next,
        }
    }
    None
}

/// The first byte behind the line end at `at`; none: the bytes end with a `\r` that may be half of one.
fn behind_line_end(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes[at] == b'\n' {
        return Some(at + 1);
    }
    match bytes.get(at + 1) {
        Some(b'\n') => Some(at + 2),
        Some(_) => Some(at + 1),
        None => None,
    }
}

/// One event's data as one line; nothing for comments, keep-alives and the `[DONE]` of some servers.
fn write(event: &[u8], whole: &mut Vec<u8>) -> Result<(), Bad> {
    if event.len() > MAX_EVENT {
        return Err(Bad::TooLarge);
    }
    let event = str::from_utf8(event).map_err(|_| Bad::NotJson)?;
    let start = whole.len();
    for line in event.split(['\n', '\r']) {
        let line = line.strip_prefix('\u{feff}').unwrap_or(line);
        let Some(data) = line.strip_prefix("data:") else {
            continue;
        };
        // Several lines are one value; between JSON's tokens a space is as good as a line end.
        whole.extend_from_slice(if whole.len() == start {
            b"data: "
        } else {
            b" "
        });
        whole.extend_from_slice(data.strip_prefix(' ').unwrap_or(data).as_bytes());
    }
    let Some(data) = whole.get(start + b"data: ".len()..) else {
        return Ok(());
    };
    if data.trim_ascii().is_empty() || data.trim_ascii() == b"[DONE]" {
        whole.truncate(start);
        return Ok(());
    }
    serde_json::from_slice::<IgnoredAny>(data).map_err(|_| Bad::NotJson)?;
    whole.extend_from_slice(b"\n\n");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(pieces: &[&[u8]]) -> Result<String, Bad> {
        let mut events = Events::default();
        let mut whole = Vec::new();
        for piece in pieces {
            whole.extend(events.take(piece)?);
        }
        whole.extend(events.rest()?);
        Ok(String::from_utf8(whole).unwrap())
    }

    #[test]
    fn events_come_whole_and_on_one_line() {
        for (stream, expected) in [
            ("data: {\"a\":1}\n\n", "data: {\"a\":1}\n\n"),
            ("data:{}\r\n\r\ndata: 1\r\n\r\n", "data: {}\n\ndata: 1\n\n"),
            ("data: {}\r\rdata: 1\r\r", "data: {}\n\ndata: 1\n\n"),
            ("event: x\nid: 7\ndata: {\ndata: }\n\n", "data: { }\n\n"),
            (": ping\n\n\n\ndata: {}\n\n", "data: {}\n\n"),
            ("event: keepalive\n\ndata: [DONE]\n\n", ""),
            ("data: {}", "data: {}\n\n"),
            ("data: {\"cut", ""),
            ("", ""),
        ] {
            assert_eq!(all(&[stream.as_bytes()]).unwrap(), expected, "{stream:?}");
        }
    }

    #[test]
    fn what_is_no_json_ends_the_stream() {
        assert_eq!(all(&[b"data: {nonsense\n\n"]), Err(Bad::NotJson));
        assert_eq!(all(&[b"data: \"\xff\"\n\n"]), Err(Bad::NotJson));
    }

    #[test]
    fn an_event_has_an_end() {
        let mut events = Events::default();
        let piece = vec![b'x'; 1 << 20];
        let taken: Result<Vec<_>, _> = (0..5).map(|_| events.take(&piece)).collect();
        assert_eq!(taken, Err(Bad::TooLarge));
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(cuts in proptest::collection::vec(0_usize..80, 0..8)) {
            let stream = b": hi\r\n\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\ndata: [1]\n\ndata: 2\r\rdata: [DONE]\n\n";
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]).collect();
            prop_assert_eq!(all(&pieces), all(&[stream]));
        }
    }
}
