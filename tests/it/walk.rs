//! Walks a list by its cursors.

use serde_json::Value;
use testkit::Persona;

/// Every item of the list, page by page; no page is longer than asked for, and all but the last are full.
pub(crate) async fn walk(persona: &Persona, path: &str, member: &str, limit: usize) -> Vec<Value> {
    let joint = if path.contains('?') { '&' } else { '?' };
    let start = format!("{path}{joint}limit={limit}");
    let mut items = Vec::new();
    let mut next = start.clone();
    loop {
        let response = persona.get(&next).await;
        assert_eq!(response.status(), 200, "{next}: {}", response.text());
        let page = response.json();
        let on_it = page[member].as_array().expect("a list").clone();
        assert!(on_it.len() <= limit, "{page}");
        let more = page["next_cursor"].as_str();
        assert!(more.is_none() || on_it.len() == limit, "{page}");
        items.extend(on_it);
        assert!(items.len() <= 1000, "the walk does not end");
        match more {
            Some(cursor) => next = format!("{start}&cursor={cursor}"),
            None => return items,
        }
    }
}

/// This text member of every item.
pub(crate) fn texts(items: &[Value], member: &str) -> Vec<String> {
    items
        .iter()
        .map(|item| item[member].as_str().expect("a text").to_owned())
        .collect()
}
