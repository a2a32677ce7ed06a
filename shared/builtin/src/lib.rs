//! The code-based tools that every workspace has: one file per tool, and their list.

mod calculate;
mod current_time;
mod exchange_rate;
mod json_query;
mod read_more;
#[cfg(test)]
mod run;

use domain::code::CodeTool;

/// Every tool, by id.
pub fn tools() -> Vec<CodeTool> {
    vec![
        calculate::calculate::tool(),
        current_time::current_time::tool(),
        exchange_rate::exchange_rate::tool(),
        json_query::json_query::tool(),
        read_more::read_more::tool(),
    ]
}

#[cfg(test)]
mod tests {
    use domain::ids::ToolId;
    use domain::schema::Compiled;

    use super::*;

    #[test]
    fn every_tool_can_be_listed_and_checked() {
        let tools = tools();
        assert!(tools.is_sorted_by_key(|tool| tool.definition.id));
        for tool in tools {
            let id = tool.definition.id;
            assert!(id.parse::<ToolId>().is_ok(), "{id}");
            assert_eq!(tool.input_schema["type"], "object", "{id}");
            assert_eq!(tool.input_schema["additionalProperties"], false, "{id}");
            assert_eq!(tool.output_schema["type"], "object", "{id}");
            for schema in [&tool.input_schema, &tool.output_schema] {
                assert!(Compiled::new(schema).is_ok(), "{id}: {schema}");
                let members = schema["properties"].as_object();
                for (name, member) in members.into_iter().flatten() {
                    assert!(member["description"].is_string(), "{id}: {name}");
                }
            }
        }
    }
}
