//! An answer as server-sent events, in the order and with the fields of the real service.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::reply::{End, Fault, Reply};

/// Most deltas of one text.
const DELTAS: usize = 200;

/// What a stream does next.
#[derive(Clone, Debug)]
pub(crate) enum Frame {
    /// Sends an event, or other bytes.
    Send(Bytes),
    /// Breaks the connection.
    Cut,
    /// Sends this again and again.
    Flood(Bytes),
}

/// The answer's frames, its faults put in.
pub(crate) fn frames(reply: &Reply, answer: &Answer) -> Vec<Frame> {
    let events = events(reply, answer).into_iter().enumerate();
    let mut frames: Vec<Frame> = events
        .map(|(number, mut event)| {
            event["sequence_number"] = number.into();
            Frame::Send(line(&event).into())
        })
        .collect();
    // From behind, so that each number still counts the answer's own events; of one place, the last first.
    let mut faults: Vec<_> = reply.faults.iter().collect();
    faults.sort_by_key(|(after, _)| *after);
    for (after, fault) in faults.into_iter().rev() {
        let place = (*after).min(frames.len());
        match fault {
            Fault::Insert(bytes) => frames.insert(place, Frame::Send(bytes.clone().into())),
            Fault::End => frames.truncate(place),
            Fault::Cut => {
                frames.truncate(place);
                frames.push(Frame::Cut);
            }
            Fault::Flood => {
                frames.truncate(place);
                frames.push(Frame::Flood(more_text().into()));
            }
        }
    }
    match reply.chunks {
        Some(size) => in_pieces(frames, size),
        None => frames,
    }
}

/// An event on the wire.
pub(crate) fn line(event: &Value) -> String {
    let kind = event["type"].as_str().unwrap_or("message");
    format!("event: {kind}\ndata: {event}\n\n")
}

fn more_text() -> String {
    line(&json!({
        "type": "response.output_text.delta", "sequence_number": 1_000, "item_id": "msg_flood",
        "output_index": 0, "content_index": 0, "delta": "and so on ".repeat(100), "logprobs": [],
    }))
}

/// The same bytes in pieces, cut anywhere.
fn in_pieces(frames: Vec<Frame>, size: usize) -> Vec<Frame> {
    let mut pieces = Vec::new();
    let mut bytes = Vec::new();
    let flush = |bytes: &mut Vec<u8>, pieces: &mut Vec<Frame>| {
        let cut = bytes.chunks(size).map(Bytes::copy_from_slice);
        pieces.extend(cut.map(Frame::Send));
        bytes.clear();
    };
    for frame in frames {
        match frame {
            Frame::Send(more) => bytes.extend_from_slice(&more),
            other @ (Frame::Cut | Frame::Flood(_)) => {
                flush(&mut bytes, &mut pieces);
                pieces.push(other);
            }
        }
    }
    flush(&mut bytes, &mut pieces);
    pieces
}

fn events(reply: &Reply, answer: &Answer) -> Vec<Value> {
    let opening = &answer.opening;
    let mut events = vec![
        json!({ "type": "response.created", "response": opening }),
        json!({ "type": "response.in_progress", "response": opening }),
    ];
    for (index, item) in answer.items.iter().enumerate() {
        item_events(index, item, &mut events);
    }
    let end = match reply.end {
        End::Completed => "response.completed",
        End::Incomplete(_) => "response.incomplete",
        End::Failed { .. } => "response.failed",
    };
    events.push(json!({ "type": end, "response": answer.closing }));
    events
}

/// An item: it begins, grows, and is done.
fn item_events(index: usize, item: &Value, events: &mut Vec<Value>) {
    let mut begun = item.clone();
    match item["type"].as_str() {
        Some("message") => {
            begun["content"] = json!([]);
            begun["status"] = "in_progress".into();
        }
        Some("function_call") => {
            begun["arguments"] = "".into();
            begun["status"] = "in_progress".into();
        }
        Some("reasoning") => begun["summary"] = json!([]),
        _ => {}
    }
    events.push(
        json!({ "type": "response.output_item.added", "output_index": index, "item": begun }),
    );
    let place = json!({ "item_id": item["id"], "output_index": index });
    match item["type"].as_str() {
        Some("message") => message_events(item, &place, events),
        Some("function_call") => call_events(item, &place, events),
        Some("reasoning") => reasoning_events(item, &place, events),
        _ => {}
    }
    events
        .push(json!({ "type": "response.output_item.done", "output_index": index, "item": item }));
}

fn message_events(item: &Value, place: &Value, events: &mut Vec<Value>) {
    for (index, part) in item["content"].as_array().into_iter().flatten().enumerate() {
        let (field, kind) = match part["type"].as_str() {
            Some("refusal") => ("refusal", "response.refusal"),
            _ => ("text", "response.output_text"),
        };
        let text = part[field].as_str().unwrap_or_default();
        let mut empty = part.clone();
        empty[field] = "".into();
        let mut tell = |kind: String, name: &str, value: Value| {
            let mut event = with(place, &kind);
            event["content_index"] = index.into();
            event[name] = value;
            if kind.starts_with("response.output_text") {
                event["logprobs"] = json!([]);
            }
            events.push(event);
        };
        tell("response.content_part.added".to_owned(), "part", empty);
        for delta in deltas(text) {
            tell(format!("{kind}.delta"), "delta", delta.into());
        }
        tell(format!("{kind}.done"), field, text.into());
        tell(
            "response.content_part.done".to_owned(),
            "part",
            part.clone(),
        );
    }
}

fn call_events(item: &Value, place: &Value, events: &mut Vec<Value>) {
    let arguments = item["arguments"].as_str().unwrap_or_default();
    for delta in deltas(arguments) {
        let mut event = with(place, "response.function_call_arguments.delta");
        event["delta"] = delta.into();
        events.push(event);
    }
    let mut event = with(place, "response.function_call_arguments.done");
    event["name"] = item["name"].clone();
    event["arguments"] = arguments.into();
    events.push(event);
}

fn reasoning_events(item: &Value, place: &Value, events: &mut Vec<Value>) {
    for (index, part) in item["summary"].as_array().into_iter().flatten().enumerate() {
        let text = part["text"].as_str().unwrap_or_default();
        let mut tell = |kind: &str, name: &str, value: Value| {
            let mut event = with(place, kind);
            event["summary_index"] = index.into();
            event[name] = value;
            events.push(event);
        };
        let empty = json!({ "type": "summary_text", "text": "" });
        tell("response.reasoning_summary_part.added", "part", empty);
        for delta in deltas(text) {
            tell(
                "response.reasoning_summary_text.delta",
                "delta",
                delta.into(),
            );
        }
        tell("response.reasoning_summary_text.done", "text", text.into());
        tell("response.reasoning_summary_part.done", "part", part.clone());
    }
}

fn with(place: &Value, kind: &str) -> Value {
    let mut event = json!({ "type": kind });
    for (name, value) in place.as_object().into_iter().flatten() {
        event[name] = value.clone();
    }
    event
}

/// The text word by word; long ones in larger pieces. Nothing is lost.
fn deltas(text: &str) -> Vec<&str> {
    let least = text.len().div_ceil(DELTAS).max(1);
    let mut pieces = Vec::new();
    let mut from = 0;
    for (at, character) in text.char_indices() {
        if at > from
            && at - from >= least
            && (character.is_whitespace() || at - from >= 24.max(least))
        {
            pieces.push(&text[from..at]);
            from = at;
        }
    }
    if from < text.len() {
        pieces.push(&text[from..]);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deltas_put_together_are_the_text() {
        for text in ["", "a", "It is 18 °C in San Francisco.", &"ü".repeat(9_999)] {
            let pieces = deltas(text);
            assert_eq!(pieces.concat(), text);
            assert!(pieces.len() <= DELTAS + 1, "{}", pieces.len());
        }
        assert!(deltas("It is 18 °C").len() > 2);
    }
}
