//! A page of tools written into an answer: their JSON is kept per version, so it is copied and not built again.

/// The list as the protocol's library writes it.
const EMPTY: &str = "\"tools\":[]";

/// The answer with these elements in its empty list of tools. Inside a JSON text a quotation mark is escaped, so the
/// pattern stands nowhere but at the list. `None`: the answer has no such list; it is an error.
pub(crate) fn tools(answer: &[u8], elements: &str) -> Option<Vec<u8>> {
    let pattern = EMPTY.as_bytes();
    let at = answer
        .windows(pattern.len())
        .position(|window| window == pattern)?;
    let inside = at + pattern.len() - 1;
    let mut whole = Vec::with_capacity(answer.len() + elements.len());
    whole.extend_from_slice(&answer[..inside]);
    whole.extend_from_slice(elements.as_bytes());
    whole.extend_from_slice(&answer[inside..]);
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::tools;

    #[test]
    fn fills_the_list_and_nothing_else() {
        let answer = br#"{"jsonrpc":"2.0","id":"\"tools\":[]","result":{"ttlMs":0,"tools":[]}}"#;
        let whole = tools(answer, r#"{"name":"a"},{"name":"b"}"#).unwrap();
        let expected = r#"{"jsonrpc":"2.0","id":"\"tools\":[]","result":{"ttlMs":0,"tools":[{"name":"a"},{"name":"b"}]}}"#;
        assert_eq!(String::from_utf8(whole).unwrap(), expected);
        assert_eq!(tools(br#"{"error":{}}"#, "{}"), None);
    }
}
