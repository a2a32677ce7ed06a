//! The API's description as a whole: what the groups' own parts leave to the product.

mod headers;
mod links;
mod members;
pub mod words;

use std::collections::BTreeMap;

use domain::rights::{Needs, RIGHTS};
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, Content, ContentBuilder, InfoBuilder, LicenseBuilder, ObjectBuilder, OpenApi,
    OpenApiBuilder, Ref, RefOr, Required, Response, ResponseBuilder, SecurityRequirement, Server,
    Type,
};
use utoipa::{IntoResponses, ToSchema};

use crate::problem::{Current, InvalidField, PROBLEM_JSON, ProblemBody};

const DESCRIPTION: &str = "Paste an API, get a safe, tested, versioned AI tool. Every error is an RFC 9457 problem \
    (`application/problem+json`) whose `code` is stable. Every answer carries `x-request-id`.";

/// Operations that act in a workspace start with this.
const API: &str = "/api/v1/";

/// The same tools for clients of the Model Context Protocol.
const MCP: &str = "/mcp";

/// Where providers send browsers back to: it answers pages.
const CALLBACK: &str = "/api/v1/connections/callback";

/// Operations about a person's own account, in no workspace.
const ACCOUNT: [&str; 2] = ["/api/v1/workspaces", "/api/v1/invitations"];

/// Joins the parts of all groups into the document of the product: information, bearer security, tags,
/// the problem schemas, and for every operation its `X-Workspace-Id` and the answers that any may give; and says what types
/// alone do not say.
pub fn document(parts: Vec<OpenApi>) -> OpenApi {
    let mut whole = base();
    for part in parts {
        whole.merge(part);
    }
    for (path, item) in &mut whole.paths.paths {
        for operation in operations(item) {
            if is_public(operation) {
                operation.security = Some(vec![SecurityRequirement::default()]);
            }
            if path.starts_with(API) && path != CALLBACK || path == MCP {
                let account = ACCOUNT.iter().any(|start| path.starts_with(start));
                add_common(operation, account);
            }
            add_always(operation);
            headers::describe(operation);
        }
    }
    members::settle(&mut whole);
    links::add(&mut whole);
    whole
}

fn base() -> OpenApi {
    let mut components = Components::new();
    add_schema::<ProblemBody<'_>>(&mut components);
    add_schema::<InvalidField>(&mut components);
    add_schema::<Current>(&mut components);
    components.add_security_scheme(
        "bearer",
        SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some(
                    "A Supabase user token (JWT), or a workspace API key (`dtk_…`).",
                ))
                .build(),
        ),
    );
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("api-to-tools")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(DESCRIPTION))
                .license(Some(
                    LicenseBuilder::new()
                        .name("Apache-2.0")
                        .identifier(Some("Apache-2.0"))
                        .build(),
                ))
                .build(),
        )
        .servers(Some([Server::new("/")]))
        .components(Some(components))
        .security(Some([bearer()]))
        .tags(Some(TAGS.map(|(name, description)| {
            TagBuilder::new()
                .name(name)
                .description(Some(description))
                .build()
        })))
        .build()
}

const TAGS: [(&str, &str); 10] = [
    ("system", "Health and documentation."),
    ("tools", "Registering, running and versioning tools."),
    (
        "flows",
        "Several tools as one: steps that depend on each other.",
    ),
    (
        "secrets",
        "Credentials that tools use; values are never answered.",
    ),
    (
        "workspaces",
        "Tenants, their people, invitations and API keys.",
    ),
    ("orchestrate", "A model works with the workspace's tools."),
    (
        "prompts",
        "Versioned prompt templates with typed variables.",
    ),
    (
        "mcp",
        "The same tools and prompts for clients of the Model Context Protocol.",
    ),
    (
        "marketplace",
        "What workspaces show to everybody, and copies of it.",
    ),
    ("analytics", "What was executed."),
];

fn bearer() -> SecurityRequirement {
    SecurityRequirement::new("bearer", Vec::<String>::new())
}

fn add_schema<T: ToSchema>(components: &mut Components) {
    components
        .schemas
        .insert(T::name().into_owned(), T::schema());
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.patch,
    ]
    .into_iter()
    .flatten()
}

/// Whether nobody has to sign in, by the table of rights.
fn is_public(operation: &Operation) -> bool {
    let id = operation.operation_id.as_deref();
    let right = RIGHTS.iter().find(|right| Some(right.operation) == id);
    right.is_some_and(|right| matches!(right.needs, Needs::Public | Needs::Link))
}

fn add_common(operation: &mut Operation, account: bool) {
    let public = is_public(operation);
    if !account && !public {
        operation
            .parameters
            .get_or_insert_default()
            .push(workspace_header().into());
    }
    let responses = &mut operation.responses.responses;
    let with_body = WITH_BODY
        .iter()
        .filter(|_| operation.request_body.is_some());
    let common = COMMON
        .iter()
        .filter(|(status, _)| !public || !matches!(*status, "401" | "403"));
    let in_workspace = IN_WORKSPACE.iter().filter(|_| !account && !public);
    for (status, description) in common.chain(with_body).chain(in_workspace) {
        let response = responses
            .entry((*status).to_owned())
            .or_insert_with(|| problem(description));
        // A status that the operation answers in a shape of its own may be a problem as well.
        if let RefOr::T(response) = response {
            response
                .content
                .entry(PROBLEM_JSON.to_owned())
                .or_insert_with(|| problem_content().into());
        }
    }
}

/// What every operation may answer, public ones too, and the headers of its problems.
fn add_always(operation: &mut Operation) {
    let responses = &mut operation.responses.responses;
    responses
        .entry("431".to_owned())
        .or_insert_with(|| problem("More than 100 headers, or 32 KB of them."));
    for (status, response) in responses {
        if let RefOr::T(response) = response
            && response.content.contains_key(PROBLEM_JSON)
        {
            headers::tell(status, response);
        }
    }
}

fn workspace_header() -> Parameter {
    ParameterBuilder::new()
        .name("X-Workspace-Id")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "Id or slug of the workspace; needed only by members of several.",
        ))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build()
}

const COMMON: [(&str, &str); 5] = [
    ("400", "The request is not valid, or `workspace_required`."),
    ("401", "No token, or not a valid one."),
    (
        "403",
        "The caller's role is too low, or the API key has scopes and not this one.",
    ),
    ("500", "A defect of this product; report the request id."),
    ("503", "A dependency does not answer; try again."),
];

const IN_WORKSPACE: [(&str, &str); 1] = [(
    "404",
    "There is no such workspace, or the caller is not a member of it.",
)];

const WITH_BODY: [(&str, &str); 2] = [
    ("413", "The body is over 1 MB."),
    ("415", "The body is not application/json."),
];

fn problem(description: &str) -> RefOr<Response> {
    ResponseBuilder::new()
        .description(description)
        .content(PROBLEM_JSON, problem_content())
        .build()
        .into()
}

fn problem_content() -> Content {
    ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build()
}

macro_rules! answers {
    ($(#[$doc:meta] $name:ident = $status:literal, $description:literal;)*) => {$(
        #[$doc]
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                BTreeMap::from([($status.to_owned(), problem($description))])
            }
        }
    )*};
}

answers! {
    /// For `responses(…)` of an operation that answers to its own host and allowed origins only.
    Strange = "403", "The request came for another host, or from an origin that is not allowed.";
    /// For `responses(…)` of an operation on one object.
    Missing = "404", "There is no such object in this workspace.";
    /// For `responses(…)` of an operation that runs tools.
    Held = "409", "The tool is switched off, or the Idempotency-Key is that of another request or of a call that still runs: `tool_disabled`, `idempotency_key_reused`, `idempotency_in_progress` (with `Retry-After`).";
    /// For `responses(…)` of an operation that runs tools.
    Limited = "429", "One of the tool's `limits` is reached: `quota_exceeded`, with `Retry-After`.";
    /// For `responses(…)` of an operation that asks a model.
    Busy = "429", "The model server is over its rate limit: `model_rate_limited`, with `Retry-After` where the server said when.";
    /// For `responses(…)` of an operation that leaves what is built in, or was installed, as it is.
    Fixed = "409", "It is part of the product or an installed copy, and stays as it is: `built_in_tool`, `installed_copy`.";
    /// For `responses(…)` of an operation on a secret.
    Changing = "409", "Another request is changing it at this moment: `secret_busy`.";
    /// For `responses(…)` of an operation that may meet another change.
    Conflict = "409", "It exists already, or was changed meanwhile; `current` holds its version.";
}

#[cfg(test)]
mod tests {
    use utoipa::openapi::path::{HttpMethod, OperationBuilder};
    use utoipa::openapi::{Paths, PathsBuilder};

    use super::*;

    fn part(path: &str, id: &str) -> OpenApi {
        let operation = OperationBuilder::new().operation_id(Some(id)).build();
        let paths: Paths = PathsBuilder::new()
            .path(path, PathItem::new(HttpMethod::Get, operation))
            .build();
        OpenApiBuilder::new().paths(paths).build()
    }

    #[test]
    fn joins_the_parts_and_adds_what_all_share() {
        let whole = document(vec![
            part("/health", "health"),
            part("/api/v1/tools", "list_tools"),
        ]);
        let whole = serde_json::to_value(&whole).unwrap();
        assert_eq!(whole["openapi"], "3.1.0");
        let list = &whole["paths"]["/api/v1/tools"]["get"];
        assert_eq!(list["parameters"][0]["name"], "X-Workspace-Id");
        assert_eq!(
            list["responses"]["401"]["content"][PROBLEM_JSON]["schema"]["$ref"],
            "#/components/schemas/Problem"
        );
        assert_eq!(
            whole["paths"]["/health"]["get"]["security"][0],
            serde_json::json!({})
        );
        assert!(whole["components"]["schemas"]["InvalidField"].is_object());
    }
}
