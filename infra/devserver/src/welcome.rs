//! What the local server says when it is ready: what to type next.

use std::fmt::Write;
use std::path::Path;

use crate::app::Running;

/// A short welcome with commands that work as they stand.
pub fn text(running: &Running, data_dir: &Path) -> String {
    let url = &running.url;
    let file = shell_word(&data_dir.join("devserver.json").display().to_string());
    let mut text = String::new();
    for notice in &running.notices {
        let _ = writeln!(text, "Note: {notice}.\n");
    }
    let _ = writeln!(
        text,
        "\
Ready: {url}   (documentation: {url}/docs)   Ctrl-C stops everything; the data stays.

In another terminal, first take the token:
  TOKEN=$(sed -n 's/.*\"token\": \"\\(.*\\)\".*/\\1/p' {file})

Which tools are there?
  curl -s {url}/api/v1/tools -H \"Authorization: Bearer $TOKEN\"
"
    );
    let call = |id: &str, input: &str| {
        format!(
            "  curl -s {url}/api/v1/tools/{id}/execute -H \"Authorization: Bearer $TOKEN\" \\\n    \
             -H 'Content-Type: application/json' -d '{{\"input\":{input}}}'\n"
        )
    };
    if running.offline_demo {
        text.push_str("Run them; the answers are recorded, nothing leaves this machine:\n");
        text.push_str(&call("get_stock_quote", r#"{"symbol":"IBM"}"#));
        text.push_str(&call(
            "get_weather",
            r#"{"latitude":52.52,"longitude":13.41}"#,
        ));
        text.push_str(&call("echo_post", r#"{"message":"hello"}"#));
        text.push_str("\nA flow over them, started and awaited (more: docs/flows.md):\n");
        let _ = writeln!(
            text,
            "  curl -s {url}/api/v1/flows/position_value/execute -H \"Authorization: Bearer $TOKEN\" \\\n    \
             -H 'Content-Type: application/json' -H 'Prefer: wait=10' -d '{{\"input\":{{\"symbol\":\"IBM\",\"shares\":12}}}}'"
        );
    } else {
        text.push_str(
            "Run one that needs no key (without internet: cargo run -- --offline-demo):\n",
        );
        text.push_str(&call(
            "get_weather",
            r#"{"latitude":52.52,"longitude":13.41}"#,
        ));
        text.push_str(
            "\nThe stock quote needs a key of Alpha Vantage; store yours once, then run it:\n",
        );
        let _ = writeln!(
            text,
            "  curl -s {url}/api/v1/secrets -H \"Authorization: Bearer $TOKEN\" \\\n    \
             -H 'Content-Type: application/json' \\\n    \
             -d '{{\"name\":\"ALPHA_VANTAGE_API_KEY\",\"value\":\"YOUR-KEY\"}}'"
        );
        text.push_str(&call("get_stock_quote", r#"{"symbol":"IBM"}"#));
    }
    if running.scripted_model {
        text.push_str(
            "\nPrompts are answered by a SCRIPTED DEMO, no model: it goes by words, and its answers say so. Ask it:\n",
        );
        let _ = writeln!(
            text,
            "  curl -s {url}/api/v1/orchestrate -H \"Authorization: Bearer $TOKEN\" \\\n    \
             -H 'Content-Type: application/json' -d '{{\"prompt\":\"How warm is it in Berlin?\"}}'"
        );
    }
    text.push_str("\nA tool of yours: paste its config (see examples/tools):\n");
    let _ = writeln!(
        text,
        "  curl -s {url}/api/v1/tools -H \"Authorization: Bearer $TOKEN\" \\\n    \
         -H 'Content-Type: application/json' -d @my_tool.json"
    );
    text
}

/// The text as one word of a shell command.
fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
