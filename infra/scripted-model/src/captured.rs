//! A request as it arrived, for assertions and for replies that depend on it.

use http::HeaderMap;
use serde_json::Value;

/// One request to the model server.
#[derive(Clone, Debug)]
pub struct Captured {
    /// Which one it was, from 1.
    pub number: u64,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body; null when it was no JSON.
    pub body: Value,
    /// Its body as it came.
    pub text: String,
}

impl Captured {
    /// A header's value, if it is there and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Everything that was sent, headers and body: to search for what must not be there.
    pub fn everything(&self) -> String {
        let mut all = String::new();
        for (name, value) in &self.headers {
            all.push_str(name.as_str());
            all.push_str(": ");
            all.push_str(&String::from_utf8_lossy(value.as_bytes()));
            all.push('\n');
        }
        all + &self.text
    }

    /// The items of `input`; a plain text has none.
    pub fn items(&self) -> &[Value] {
        self.body["input"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The functions offered.
    pub fn tools(&self) -> &[Value] {
        self.body["tools"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The names of the functions offered, in order.
    pub fn tool_names(&self) -> Vec<&str> {
        let names = self.tools().iter().map(|tool| tool["name"].as_str());
        names.flatten().collect()
    }

    /// One function offered, by its name.
    pub fn tool(&self, name: &str) -> Option<&Value> {
        self.tools().iter().find(|tool| tool["name"] == name)
    }

    /// The outputs of functions: `(call_id, output)`, in order.
    pub fn outputs(&self) -> Vec<(&str, &Value)> {
        let items = self.items().iter();
        let outputs = items.filter(|item| item["type"] == "function_call_output");
        outputs
            .filter_map(|item| Some((item["call_id"].as_str()?, &item["output"])))
            .collect()
    }

    /// The output of one call, read as JSON where it is JSON.
    pub fn output_of(&self, call_id: &str) -> Option<Value> {
        let (_, output) = self.outputs().into_iter().find(|(id, _)| *id == call_id)?;
        let text = output.as_str()?;
        Some(serde_json::from_str(text).unwrap_or_else(|_| text.into()))
    }

    /// The text of the newest message of the user.
    pub fn prompt(&self) -> String {
        if let Some(text) = self.body["input"].as_str() {
            return text.to_owned();
        }
        let newest = self
            .items()
            .iter()
            .rev()
            .find(|item| item["role"] == "user");
        newest.map(said).unwrap_or_default()
    }

    /// Whether the answer is wanted as a stream.
    pub fn streams(&self) -> bool {
        self.body["stream"] == true
    }

    /// Whether reasoning is to come sealed, so that it can be sent back.
    pub(crate) fn wants_sealed_reasoning(&self) -> bool {
        let included = self.body["include"].as_array();
        included.is_some_and(|all| all.iter().any(|one| one == "reasoning.encrypted_content"))
    }
}

/// The text of a message.
fn said(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        parts => {
            let parts = parts.as_array().into_iter().flatten();
            parts.filter_map(|part| part["text"].as_str()).collect()
        }
    }
}
