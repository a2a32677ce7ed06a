//! Flows as Mermaid flowcharts.

use super::*;

#[test]
fn a_flow_is_drawn() {
    let document = of(&json!([
        { "id": "quotes", "tool": "get_quote", "for_each": ["a"], "name": "All quotes" },
        { "id": "best", "transform": "{{ steps.quotes.output | first }}" },
        { "id": "sub", "flow": "other_flow", "depends_on": ["quotes", "best"] },
        { "id": "ask", "wait": { "approval": "Send it?" }, "depends_on": ["best"] },
        { "id": "pause", "name": "1. a-b.c - d", "wait": { "duration_ms": 5 }, "depends_on": ["ask"] },
    ]));
    let flow = read(&document).unwrap();
    let drawn = "flowchart TD
  s0[\"All quotes<br/>get_quote<br/>for each\"]
  s1{{\"best\"}}
  s2[[\"sub<br/>other_flow\"]]
  s3([\"ask<br/>Send it#63;\"])
  s4([\"1#46; a-b.c #45; d<br/>wait\"])
  s0 --> s1
  s0 --> s2
  s1 --> s2
  s1 --> s3
  s3 --> s4
";
    assert_eq!(mermaid(&flow, None), drawn);
    let states = [
        ("quotes", "succeeded"),
        ("best", "succeeded"),
        ("sub", "running"),
        ("ask", "nonsense;\n"),
    ];
    let states = states
        .map(|(id, state)| (id.to_owned(), state.to_owned()))
        .into();
    let coloured = format!(
        "{drawn}  classDef running fill:#bfdbfe,stroke:#2563eb,color:#1e3a8a
  class s2 running
  classDef succeeded fill:#dcfce7,stroke:#16a34a,color:#14532d
  class s0,s1 succeeded
"
    );
    assert_eq!(mermaid(&flow, Some(&states)), coloured);
}

#[test]
fn nothing_in_a_label_is_read_as_anything() {
    let hostile = "\"]; click s0 \"javascript:alert(1)\" <b>`%%{init}%%` & #quot; {{x}}\\ ~ end";
    let document = of(&json!([
        { "id": "end", "name": hostile, "tool": "t" },
        { "id": "b", "wait": { "signal": "line\nbreak --> s0 and much more than would fit in one box of a chart" } },
    ]));
    let drawn = mermaid(&read(&document).unwrap(), None);
    let lines: Vec<&str> = drawn.lines().collect();
    assert_eq!(
        lines,
        [
            "flowchart TD",
            "  s0[\"#34;#93;#59; click s0 #34;javascript#58;alert#40;1#41;#34; #60;b#62;#96;#37;#37;#123;init#125;#37;#37;#96; #38; #35;quot#59; …<br/>t\"]",
            "  s1([\"b<br/>line break --#62; s0 and much more than would fit in one box of…\"])",
        ]
    );
}
