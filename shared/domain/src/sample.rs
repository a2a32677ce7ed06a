//! A plain tool config that tests change to their needs.

use serde_json::json;

use crate::config::{
    Api, Auth, BaseUrl, BodyRules, Effects, InputMapping, LimitRules, Mapping, Method,
    OutputMapping, OutputRules, Piece, ReadingRules, ResponseFormat, ResponseRules, RetryRules,
    Scheme, ToolConfig, Validation,
};

/// `GET https://api.example.com/`, without schemas and mapping.
pub(crate) fn sample() -> ToolConfig {
    ToolConfig {
        id: "quote".parse().unwrap(),
        name: "quote".to_owned(),
        title: None,
        description: "d".to_owned(),
        tags: Vec::new(),
        enabled: true,
        effects: Effects {
            read_only: true,
            destructive: false,
            idempotent: true,
            open_world: true,
        },
        api: Api {
            base_url: BaseUrl {
                scheme: Scheme::Https,
                host: vec![Piece::Text("api.example.com".to_owned())],
                port: 443,
            },
            path: Vec::new(),
            trailing_slash: false,
            method: Method::Get,
            headers: Vec::new(),
            params: Vec::new(),
            auth: Auth::None,
            verify: None,
            timeout_ms: 25_000,
            connect_timeout_ms: 5_000,
            max_response_bytes: 5_000_000,
            follow_redirects: 3,
            cross_host_redirects: false,
            allowed_hosts: Vec::new(),
            connection_vars: Vec::new(),
        },
        input_schema: json!({ "type": "object" }),
        output_schema: json!({ "type": "object" }),
        mapping: Mapping {
            inputs: InputMapping::Identity,
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
            backoff_ms: 1,
            max_backoff_ms: 1,
        },
        idempotency: None,
        cache: None,
        limits: LimitRules::default(),
        mock: None,
    }
}
