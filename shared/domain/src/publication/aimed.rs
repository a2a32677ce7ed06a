//! Texts that models read, and those among them that give a model orders.
//!
//! A tool's description is data: it says what the tool does. One that tells the model what to do with other tools, what to keep from
//! the person, or who it is, is an attack on whoever installs it. This is a filter of known forms, not a proof: an install
//! shows the whole text to a person, and an update that changes a text is accepted by an admin.

use std::sync::LazyLock;

use regex::RegexSet;
use serde_json::Value;

use super::Kind;
use crate::fault::Fault;
use crate::text::{hidden_character, look};
use crate::walk::{At, Faults};

/// Known forms, each with what it tries. `(?i)` and white space of any kind are added to each.
const FORMS: [(&str, &str); 19] = [
    (
        r"(ignore|disregard|forget|override|bypass) (all |any |your |the |these |those )+(\w+ )?(instruction|guideline|polic|restriction|safety)",
        "it takes other instructions back",
    ),
    (
        r"(let|letting) (the |your )?(user|human|person) (know|see|notice|find out)",
        "it keeps something from the person",
    ),
    (
        r"(from now on|before (answering|responding|replying)|after every (answer|message|response)|with every (answer|message|response)).{0,80} (call|send|read|use|pass|include|invoke|run)",
        "it gives the model an order",
    ),
    (
        r"(ignore|disregard|forget|override|bypass) (all |any |every |the |your |these |those )*(previous|prior|earlier|above|preceding|other|system|existing) (\w+ )?(instruction|prompt|message|rule|direction|guideline|polic)",
        "it takes other instructions back",
    ),
    (
        r"(ignore|disregard|forget) (everything|anything|all that|what) .{0,40}(before|above|told|said)",
        "it takes other instructions back",
    ),
    (
        r"(do not|don'?t|never|must not|without|avoid) (tell|telling|inform|informing|mention|mentioning|notify|notifying|alert|alerting|reveal|revealing|ask|asking|show|showing)( this| it| that| anything| them| any of this)*( to)? (the |your )?(user|human|person|owner|admin)",
        "it keeps something from the person",
    ),
    (
        r"(keep|hide) (this|it|that) (secret |hidden )?from (the |your )?(user|human|person)",
        "it keeps something from the person",
    ),
    (
        r"(before|after|prior to|whenever|when|instead of) (using|calling|invoking|you use|you call|running) (any|every|all|each|another|other|this|the)( other)? ?(tool|function|action)s?.{0,60}(call|invoke|use|run|send|read|pass|include|first)",
        "it orders calls of tools",
    ),
    (
        r"(you|assistant|model|agent|ai|llm)s? (must|should|shall|have to|need to|are required to|will) (always |first |also |immediately |now |then )*(call|invoke|use|run|execute|send|forward|upload|post|email|reveal|include|pass|read|open|print)",
        "it gives the model an order",
    ),
    (
        r"always (call|invoke|use|run|prefer) (this|the|my) .{0,40}(first|before|instead|rather than|over)",
        "it puts itself before other tools",
    ),
    (
        r"(instead of|rather than|never use|do not use|don'?t use) (any |the |all )?other tools?",
        "it puts itself before other tools",
    ),
    (
        r"(send|forward|upload|post|email|leak|exfiltrate|copy) .{0,40}(secret|api.?key|password|credential|token|private.key|\.env|ssh.key|cookie)s? .{0,20}(to|into) (https?:|this tool|another|an external|[a-z0-9.-]+@)",
        "it asks for secrets or for the conversation",
    ),
    (
        r"(include|send|pass|add|append|copy|put|forward|attach) .{0,30}((conversation|chat) (history|log|transcript)|(whole|entire|full|current) (conversation|chat|context)).{0,30} (to|in|into|as|with) ",
        "it asks for secrets or for the conversation",
    ),
    (
        r"(reveal|print|repeat|output|disclose|show|leak|exfiltrate) (me )?(the |your |all |any )*(system|hidden|developer|initial) (prompt|instruction|message)",
        "it asks for hidden instructions",
    ),
    (
        r"(with|using|including|and) (the |all |every |any )*(user|person|workspace|owner)('?s)? (secret|password|credential|token|api.?key|private)s?",
        "it asks for secrets or for the conversation",
    ),
    (
        r"</?(system|assistant|user|developer|instructions?|important|tool_call|function_call|im_start|im_end)\b[^>]*>|<\|[a-z_]+\|>|\[/?(inst|system|sys)\]|<<sys>>",
        "it imitates the marks of a conversation",
    ),
    (
        r"(^|\n) *#* *(system|assistant|developer)( prompt| message)? *:",
        "it imitates the marks of a conversation",
    ),
    (
        r"you are (now|no longer|actually) (a |an |the |in |not )",
        "it tells the model who it is",
    ),
    (
        r"(new|updated|real|actual|hidden|secret) instructions? *(:|follow|are|from)",
        "it gives the model an order",
    ),
];

static ORDERS: LazyLock<Option<RegexSet>> = LazyLock::new(|| {
    let forms = FORMS.iter();
    RegexSet::new(forms.map(|(form, _)| format!("(?is){}", form.replace(' ', r"[\s*_`]+")))).ok()
});

/// What a text tries with the model that reads it, if it is of a known form: as it is written, and as its words are read when their
/// letters are what they look like and nothing stands between them.
pub fn told_to_models(text: &str) -> Option<&'static str> {
    let orders = ORDERS.as_ref()?;
    let tries = |text: &str| {
        let first = orders.matches(text).iter().next()?;
        FORMS.get(first).map(|(_, tries)| *tries)
    };
    tries(text).or_else(|| tries(&plain(text)))
}

/// The words of a text: letters as they look, apostrophes left out, everything between words one space.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in look(text).chars() {
        match c {
            '\'' | '\u{2019}' => {}
            c if c.is_alphanumeric() => plain.push(c),
            _ if plain.ends_with(' ') || plain.is_empty() => {}
            _ => plain.push(' '),
        }
    }
    plain
}

/// Hints to say what is wrong.
const PLAIN: &str = "say what it does, in plain words";

/// What is wrong with the texts of a document that a model or a person reads: characters that nobody sees, and orders to a model.
/// What a prompt says to a model is what it is for: only its names, descriptions and variables are looked at for orders.
pub fn faults_of_text(kind: Kind, document: &Value) -> Vec<Fault> {
    let mut faults = Faults::default();
    hidden(document, &At::ROOT, &mut faults);
    match kind {
        Kind::Tool | Kind::Flow => orders(document, &At::ROOT, &mut faults),
        Kind::Prompt => {
            for name in ["name", "title", "description", "tags", "variables"] {
                if let Some(value) = document.get(name) {
                    orders(value, &At::ROOT.name(name), &mut faults);
                }
            }
        }
    }
    faults.into_vec()
}

fn hidden(value: &Value, at: &At<'_>, faults: &mut Faults) {
    match value {
        Value::String(text) => tell_hidden(text, at, faults),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                hidden(item, &at.index(index), faults);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                tell_hidden(name, &at.name(name), faults);
                hidden(member, &at.name(name), faults);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn tell_hidden(text: &str, at: &At<'_>, faults: &mut Faults) {
    if let Some((character, kind)) = hidden_character(text) {
        let message = format!(
            "U+{:04X} is {kind}, which nobody sees",
            u32::from(character)
        );
        faults.advise(at, "hidden_character", message, "remove it");
    }
}

/// Every text below: a schema's descriptions, titles, choices and defaults, the names of its members, a rule's words.
fn orders(value: &Value, at: &At<'_>, faults: &mut Faults) {
    match value {
        Value::String(text) => tell_order(text, at, faults),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                orders(item, &at.index(index), faults);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                tell_order(name, &at.name(name), faults);
                orders(member, &at.name(name), faults);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn tell_order(text: &str, at: &At<'_>, faults: &mut Faults) {
    if let Some(tries) = told_to_models(text) {
        let message = format!("this is aimed at the model that reads it: {tries}");
        faults.advise(at, "aimed_at_model", message, PLAIN);
    }
}
