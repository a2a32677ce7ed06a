//! `read_more`: the rest of an output that was too large to be answered whole.

use domain::code::{ToolContext, ToolError, tool};
use domain::rest::{self, Cursor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    /// The cursor of a truncated answer, or the next_cursor of the piece before.
    #[schemars(length(min = 1, max = 100))]
    cursor: String,
    /// About how many tokens the piece may take; one element is never divided.
    #[serde(default = "usual")]
    #[schemars(range(min = 1, max = 100_000))]
    max_tokens: u32,
}

const fn usual() -> u32 {
    4_000
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Piece {
    /// The next elements of the array (an array), the text that follows (a string), or further members (an object).
    part: Value,
    /// JSON pointer into the truncated output: the array, text or object that the piece continues.
    at: String,
    /// What is counted: items, characters or members.
    unit: String,
    /// How many of them come before this piece.
    from: u64,
    /// How many there are altogether.
    total: u64,
    /// The cursor of the next piece; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Reads on where the output of another tool was cut: an answer that says "truncated" has a cursor for this tool. What was
/// cut is kept for a day.
#[tool(read_only, open_world = false, tags = ["output"])]
pub(crate) async fn read_more(ctx: ToolContext, input: Place) -> Result<Piece, ToolError> {
    let nothing = || {
        ToolError::input(
            "/cursor",
            "Nothing is kept under this cursor: it is none of this workspace, or its day is over.",
            "Give the cursor exactly as it was answered; if it is older than a day, run the tool again that answered it.",
        )
    };
    let cursor: Cursor = input.cursor.parse().map_err(|_| nothing())?;
    let rests = ctx.kept(cursor.id).await?.ok_or_else(nothing)?;
    let part = rest::part(&rests, cursor, input.max_tokens).ok_or_else(nothing)?;
    Ok(Piece {
        part: part.part,
        at: part.at,
        unit: part.unit.to_owned(),
        from: part.from,
        total: part.total,
        next_cursor: part.next.map(|next| next.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use domain::rest::{Left, Rest};
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::run::{pointer, run_with_kept};

    fn kept(id: Uuid) -> Option<Vec<Rest>> {
        let rows = (3..6).map(Value::from).collect();
        let rest = |at: &str, left| Rest {
            at: at.to_owned(),
            kept: 2,
            left,
        };
        let rests = vec![
            rest("/rows", Left::Items(rows)),
            rest("/text", Left::Text("cdefgh".to_owned())),
        ];
        (id == Uuid::from_u128(7)).then_some(rests)
    }

    #[test]
    fn reads_piece_by_piece_to_the_end() {
        let mut cursor = json!(Cursor::begin(Uuid::from_u128(7)).to_string());
        let mut pieces = Vec::new();
        while !cursor.is_null() {
            let input = json!({ "cursor": cursor, "max_tokens": 2 });
            let piece = run_with_kept(&read_more::tool(), input, kept).unwrap();
            pieces.push((
                piece["at"].clone(),
                piece["from"].clone(),
                piece["part"].clone(),
            ));
            cursor = piece["next_cursor"].clone();
        }
        assert_eq!(
            pieces,
            [
                (json!("/rows"), json!(2), json!([3, 4])),
                (json!("/rows"), json!(4), json!([5])),
                (json!("/text"), json!(2), json!("cdefgh")),
            ]
        );
    }

    #[test]
    fn a_cursor_that_leads_nowhere_is_told() {
        let begin = Cursor::begin(Uuid::from_u128(7));
        for cursor in [
            "more".to_owned(),
            Cursor::begin(Uuid::from_u128(8)).to_string(),
            Cursor { rest: 2, ..begin }.to_string(),
            Cursor { from: 9, ..begin }.to_string(),
        ] {
            let found = run_with_kept(&read_more::tool(), json!({ "cursor": cursor }), kept);
            assert_eq!(pointer(found), "/cursor", "{cursor}");
        }
    }
}
