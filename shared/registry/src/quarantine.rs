//! What stands in for a config that there is not: of a stored tool that cannot be read any more, of code.

use domain::config::{
    Api, Auth, BaseUrl, BodyRules, Effects, InputMapping, LimitRules, Mapping, Method,
    OutputMapping, OutputRules, Piece, ReadingRules, ResponseFormat, ResponseRules, RetryRules,
    Scheme, ToolConfig, Validation,
};
use domain::ids::ToolId;
use serde_json::{Value, json};

/// A config with the document's name and description that is not enabled and leads nowhere
/// (`.invalid` never resolves, RFC 2606).
pub(crate) fn stand_in(id: ToolId, document: &Value) -> ToolConfig {
    let text = |key: &str| document.get(key).and_then(Value::as_str).map(str::to_owned);
    ToolConfig {
        name: text("name").unwrap_or_else(|| id.to_string()),
        description: text("description").unwrap_or_default(),
        id,
        title: None,
        tags: Vec::new(),
        enabled: false,
        effects: Effects {
            read_only: false,
            destructive: true,
            idempotent: false,
            open_world: true,
        },
        api: api(),
        input_schema: json!({ "type": "object" }),
        output_schema: json!({ "type": "object" }),
        mapping: Mapping {
            inputs: InputMapping::Exact(Vec::new()),
            output: OutputMapping {
                response_path: None,
                rules: None,
            },
        },
        body: BodyRules::default(),
        response: ResponseRules {
            format: ResponseFormat::Json,
            empty_ok: false,
            reading: ReadingRules::default(),
            success_when: None,
            errors: Vec::new(),
            pagination: None,
        },
        output: OutputRules {
            validation: Validation::Strict,
            redact: Vec::new(),
            max_tokens: None,
        },
        retry: RetryRules {
            max_attempts: 1,
            on: Vec::new(),
            backoff_ms: 0,
            max_backoff_ms: 0,
        },
        idempotency: None,
        cache: None,
        limits: LimitRules::default(),
        mock: None,
    }
}

fn api() -> Api {
    Api {
        base_url: BaseUrl {
            scheme: Scheme::Https,
            host: vec![Piece::Text("quarantined.invalid".to_owned())],
            port: 443,
        },
        path: Vec::new(),
        trailing_slash: false,
        method: Method::Get,
        headers: Vec::new(),
        params: Vec::new(),
        auth: Auth::None,
        verify: None,
        timeout_ms: 1,
        connect_timeout_ms: 1,
        max_response_bytes: 0,
        follow_redirects: 0,
        cross_host_redirects: false,
        allowed_hosts: Vec::new(),
        connection_vars: Vec::new(),
    }
}
