//! Searching the code-based tools, which stand in no database; pure.

use domain::formats::ToolView;

/// Whether every word of the text begins a word of the tool's id, name, tags or description, and no `-word` does.
pub(crate) fn matches(q: &str, tool: &ToolView) -> bool {
    let texts = [&tool.id, &tool.name, &tool.description];
    let known: Vec<String> = texts
        .into_iter()
        .chain(&tool.title)
        .chain(&tool.tags)
        .flat_map(|text| words(text))
        .collect();
    let has = |word: &String| known.iter().any(|known| known.starts_with(word.as_str()));
    let mut wanted = 0;
    for term in q.split_whitespace() {
        let (excluded, term) = match term.strip_prefix('-') {
            Some(term) => (true, term),
            None => (false, term),
        };
        for word in words(term) {
            if has(&word) == excluded {
                return false;
            }
            wanted += usize::from(!excluded);
        }
    }
    wanted > 0
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use domain::config::Effects;
    use serde_json::json;

    use super::*;

    #[test]
    fn words_match_as_beginnings() {
        let tool = ToolView {
            id: "exchange_rate".to_owned(),
            name: "exchange_rate".to_owned(),
            title: None,
            description: "What one currency costs in another".to_owned(),
            input_schema: json!({}),
            output_schema: json!({}),
            effects: Effects {
                read_only: true,
                destructive: false,
                idempotent: true,
                open_world: true,
            },
            tags: vec!["finance".to_owned()],
            enabled: true,
        };
        for (q, found) in [
            ("rate", true),
            ("Exchange-Rate", true),
            ("curr fin", true),
            ("currency weather", false),
            ("currency -finance", false),
            ("currency -weather", true),
            ("-weather", false),
            ("\"costs in\"", true),
            ("ency", false),
            ("%", false),
        ] {
            assert_eq!(matches(q, &tool), found, "{q}");
        }
    }
}
