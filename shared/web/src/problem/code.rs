//! The stable codes of problems: status, title, meaning and remedy of each (`docs/errors.md`).

use http::StatusCode;

/// What is documented about one code.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The stable name, `code` in the answer.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// One short phrase, the same for every occurrence.
    pub title: &'static str,
    /// When it is answered.
    pub meaning: &'static str,
    /// What the caller does about it.
    pub todo: &'static str,
}

macro_rules! codes {
    ($($name:ident = $code:literal, $status:literal, $title:literal, $meaning:literal, $todo:literal;)*) => {
        /// The kind of a problem. The variants are named as their codes are; [`CATALOGUE`] explains them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "each is explained in the catalogue beside it")]
        pub enum Code { $($name,)* }

        /// Every code, by status.
        pub const CATALOGUE: &[Entry] = &[$(Code::$name.entry(),)*];

        impl Code {
            /// What is documented about it.
            pub const fn entry(self) -> Entry {
                match self {
                    $(Self::$name => Entry {
                        code: $code, status: $status, title: $title, meaning: $meaning, todo: $todo,
                    },)*
                }
            }
        }
    };
}

codes! {
    InvalidJson = "invalid_json", 400, "The body is not acceptable JSON",
        "The body is empty, not UTF-8, not JSON, nested deeper than 64 levels, or holds a NUL character, a lone surrogate or a number that cannot be kept exactly.",
        "Mend the body at the place that detail or errors[].pointer names.";
    InvalidRequest = "invalid_request", 400, "The request is not valid",
        "A field of the body, a query parameter or a header is missing, unknown or malformed. errors[] holds every fault.",
        "Mend each fault; hint says how.";
    InvalidConfig = "invalid_config", 400, "The tool config is not valid",
        "The document is not a tool config. errors[] holds every fault with a JSON pointer into the document.",
        "Mend each fault; hint says how. docs: the rules of a tool config.";
    InvalidPrompt = "invalid_prompt", 400, "The prompt is not valid",
        "The document is not a prompt, or a saved one is not accepted any more. errors[] holds every fault with a JSON pointer into the document.",
        "Mend each fault; hint says how. docs/prompts.md: the rules of a prompt.";
    InvalidFlow = "invalid_flow", 400, "The flow is not valid",
        "The document is not a flow, or its steps do not fit the workspace's tools: a cycle, an unknown tool, an input that can never fit. errors[] holds every fault with a JSON pointer into the document.",
        "Mend each fault; hint says how.";
    InvalidInput = "invalid_input", 400, "The input does not fit the tool",
        "The input breaks the tool's input_schema, or cannot be placed in the request. Nothing was sent.",
        "Read the tool's input_schema and mend each fault.";
    InvalidCursor = "invalid_cursor", 400, "The cursor is not valid",
        "The cursor was not made by this list, or was changed on the way.",
        "Pass next_cursor on unchanged, or start without a cursor.";
    WorkspaceRequired = "workspace_required", 400, "A workspace must be named",
        "You belong to several workspaces, or to none yet, and the request does not say which one is meant.",
        "Send X-Workspace-Id with an id or slug of GET /api/v1/workspaces; without any workspace, POST one first.";
    HostsRequired = "hosts_required", 400, "The secret's hosts must be named",
        "Tools that name this secret call several hosts, or were not saved by an admin, so the host it may be sent to is not certain.",
        "Send allowed_hosts with every host that may receive the secret.";
    ConsentFailed = "consent_failed", 400, "The consent did not succeed",
        "The link of a connection is unknown, used or too old, or its provider refused. This is a page for a browser, not a problem document.",
        "POST /api/v1/connections for a new link.";
    ModelInvalidRequest = "model_invalid_request", 400, "The model server refuses the request",
        "The model does not exist there, or does not have what was asked for. detail says what the server said.",
        "Check model, text_format and max_turns; GET /api/v1/model shows the workspace's setting.";
    ModelContentFiltered = "model_content_filtered", 400, "The provider's filter refused it",
        "The model provider's content filter refused the prompt, what tools returned, or the answer.",
        "Change the prompt, or offer other tools.";
    ModelContextTooLarge = "model_context_too_large", 400, "It is more than the model reads",
        "Prompt, conversation, tool definitions and tool outputs together are larger than the model's context.",
        "Begin a new conversation, name fewer tools, let tools return less (output.max_tokens), or use a model with a larger context.";
    ModelBudgetExceeded = "model_budget_exceeded", 400, "The run's tokens are used up",
        "The run would use more tokens than token_budget (or the operator's MODEL_TOKEN_BUDGET) allows.",
        "Raise token_budget as far as the operator allows, or ask for less.";
    ModelTooManyTurns = "model_too_many_turns", 400, "The run's turns are used up",
        "The model still asked for tools when max_turns requests had been made.",
        "Raise max_turns, or ask for less.";
    ModelEgressBlocked = "model_egress_blocked", 400, "The model server may not be called",
        "The workspace's base_url leads to an address that the egress rules refuse; no connection was made.",
        "Use a public https address, or let the operator list a private server in EGRESS_ALLOW.";
    PublicationRefused = "publication_refused", 400, "It cannot be published as it is",
        "What would be public lacks a description, has fixtures that fail, holds a credential, gives orders to models, or calls what cannot be published. errors[] holds every fault with a JSON pointer into the document; those of what it calls begin with /with/ and its id.",
        "Mend each fault; hint says how. docs/marketplace.md: what is public.";
    MissingToken = "missing_token", 401, "Nobody is signed in",
        "The request has no Authorization header.",
        "Send Authorization: Bearer with a user token or a workspace API key.";
    InvalidToken = "invalid_token", 401, "The token is not valid",
        "The token or key is malformed, expired, revoked, or not made for this product. detail says which, as far as it is safe to tell.",
        "Sign in again, or make a new API key.";
    RoleRequired = "role_required", 403, "Your role does not allow this",
        "The operation needs a higher role in this workspace than yours (or than your API key's). detail names it.",
        "Ask an admin of the workspace.";
    ScopeRequired = "scope_required", 403, "The API key's scopes do not allow this",
        "The API key was made for certain scopes, and the operation is not among them. detail names the one it needs.",
        "Use a key with that scope (docs/rights.md), or the token of a signed-in person.";
    PersonRequired = "person_required", 403, "A person must do this",
        "The operation belongs to a person's account; an API key acts in one workspace only.",
        "Use the token of a signed-in person.";
    ReviewRefused = "review_refused", 403, "You cannot review this version",
        "Nobody in this workspace ran the installed version with success yet, it is not installed here, or you belong to its publisher.",
        "Install it (or update it) and run it once with success; then review it.";
    Forbidden = "forbidden", 403, "This is not allowed",
        "The database's own policies refuse the change for you, or your account is disabled.",
        "Ask an admin of the workspace.";
    NotFound = "not_found", 404, "There is nothing here",
        "No such route, or no such object in this workspace. Objects of other workspaces answer exactly so.",
        "Check the path, the id and X-Workspace-Id.";
    ToolNotFound = "tool_not_found", 404, "There is no such tool",
        "The workspace has no tool of this id. Tools of other workspaces answer exactly so.",
        "GET /api/v1/tools lists the ids; check X-Workspace-Id.";
    FlowNotFound = "flow_not_found", 404, "There is no such flow",
        "The workspace has no flow of this id, or not in this version. Flows of other workspaces answer exactly so.",
        "GET /api/v1/flows lists the ids; check X-Workspace-Id.";
    RunNotFound = "run_not_found", 404, "There is no such run",
        "The flow has no run of this id, or it ended more than 90 days ago. Runs of other workspaces answer exactly so.",
        "GET /api/v1/flows/{flow_id}/runs lists them; check X-Workspace-Id.";
    StepNotFound = "step_not_found", 404, "There is no such step",
        "The run has no step of this id.",
        "GET /api/v1/flows/{flow_id}/runs/{run_id} shows its steps.";
    WorkspaceNotFound = "workspace_not_found", 404, "There is no such workspace",
        "You are no member of a workspace of this id or slug.",
        "GET /api/v1/workspaces lists yours.";
    PromptNotFound = "prompt_not_found", 404, "There is no such prompt",
        "The workspace has no prompt of this id, or not in this version.",
        "GET /api/v1/prompts lists those there are.";
    ConversationNotFound = "conversation_not_found", 404, "There is no such conversation",
        "previous_id is not the id of a conversation of this workspace.",
        "Send the id of an answer of POST /api/v1/orchestrate, or leave previous_id out.";
    InvitationNotFound = "invitation_not_found", 404, "There is no such invitation",
        "No open invitation of this id is there in this workspace; or, for the one who answers it, none that is for you: for your user id, or for the verified e-mail address of your token.",
        "GET /api/v1/invitations lists yours. Sign in with the address that was invited, or ask for a new invitation.";
    PublicationNotFound = "publication_not_found", 404, "Nothing of that is public",
        "Nothing is public under this id; or, for its publisher, this was not published or is withdrawn.",
        "GET /api/v1/marketplace lists what is public.";
    MethodNotAllowed = "method_not_allowed", 405, "The route has no such method",
        "The path exists, but not with this method. The header Allow lists those it has.",
        "Use one of them.";
    AlreadyExists = "already_exists", 409, "It exists already",
        "Something of this id or name exists; tools and flows share their ids. current holds its version and hash where it has them.",
        "Choose another id, or change the existing one (PUT).";
    VersionConflict = "version_conflict", 409, "Somebody else changed it meanwhile",
        "If-Match names a version that is not the current one. current holds the one that is.",
        "Read it again, apply your change to it, and send its hash as If-Match.";
    ToolDisabled = "tool_disabled", 409, "The tool is switched off",
        "The tool's config says enabled: false, or its stored document can no longer be used. detail says which.",
        "Save it with enabled: true, or mend its config.";
    FlowNotRunnable = "flow_not_runnable", 409, "The flow cannot be run",
        "It is switched off, its stored definition is no longer valid, or it calls something that is gone. detail says which.",
        "Save it with enabled: true, or mend its definition.";
    RunNotStopped = "run_not_stopped", 409, "The run has not stopped",
        "Only a failed or cancelled run is resumed. detail says how it stands.",
        "Wait for its end, or start a new run.";
    RunCompensated = "run_compensated", 409, "What the run did was undone",
        "Its compensations have run, so it cannot go on from where it stopped.",
        "Start a new run.";
    RunHasParent = "run_has_parent", 409, "The run belongs to another run",
        "A step of another run started it.",
        "Resume the run in parent_run_id.";
    StepsUnconfirmed = "steps_unconfirmed", 409, "Steps must be confirmed",
        "The calls of these steps went out and no answer came: they may have had their effect. detail names them.",
        "Look at the upstream; then resume with {\"confirm\": [\"…\"]} those that may be called again.";
    StepAnswered = "step_answered", 409, "The step was answered before",
        "It has another answer already; the first one counts.",
        "Read the run: the step's output shows it.";
    StepNotWaiting = "step_not_waiting", 409, "The step does not wait",
        "It is no wait for a signal or an approval, it has ended, or the run has stopped.",
        "Read the run: awaits_signal says which steps wait.";
    InstalledCopy = "installed_copy", 409, "It is an installed copy",
        "It was installed from the marketplace, and a copy is exactly what its publisher showed: it is changed by its updates and bindings only.",
        "Update or bind it (/api/v1/installs), or save a changed document under another id.";
    OwnPublication = "own_publication", 409, "It is your own",
        "This workspace publishes it, so it has it already.",
        "Use it as it is here.";
    PublicationWithdrawn = "publication_withdrawn", 409, "It is public no longer",
        "Its publisher took it out of the marketplace, so there is nothing to update to. The installed copy goes on working.",
        "Keep the copy, or look for another in GET /api/v1/marketplace.";
    ChangesUnaccepted = "changes_unaccepted", 409, "The update's changes must be accepted",
        "The public version calls other hosts, names other secrets, does more, breaks its callers or tells models something else. errors[] holds every such change.",
        "Read them; send accept: true if they are wanted.";
    BuiltInTool = "built_in_tool", 409, "The tool is built in",
        "The id is that of a code-based tool. Such tools are part of the product: they are not saved, changed, restored or retired over the API.",
        "Choose another id for a tool of your own.";
    NothingToShow = "nothing_to_show", 409, "There is no request to show",
        "The tool is code-based and, with this input, ended without an HTTP call.",
        "Run it.";
    NothingToVerify = "nothing_to_verify", 409, "There is no connection to test",
        "The tool does not say how its connection is tested.",
        "Write api.auth.verify: { \"path\": \"…\" } with a path that only a valid credential may get.";
    LastOwner = "last_owner", 409, "The workspace needs an owner",
        "The last owner of a workspace can neither leave nor become something less.",
        "Make somebody else an owner first (PATCH …/members/{user_id}), or delete the workspace.";
    AlreadyMember = "already_member", 409, "The person is a member already",
        "Whoever is invited is in the workspace.",
        "Change the role with PATCH …/members/{user_id}.";
    InvitationOver = "invitation_over", 409, "The invitation is over",
        "It has expired, was taken back, was answered before, or whoever invited may not any more. detail says which.",
        "Ask an admin of the workspace for a new one.";
    SecretBusy = "secret_busy", 409, "The secret is being changed",
        "Another request is storing, changing or deleting this secret, or was killed while it did less than half a minute ago.",
        "Try again in half a minute.";
    ProviderInUse = "provider_in_use", 409, "The provider is in use",
        "Secrets live in this provider (detail names them), or it is built in.",
        "Delete those secrets, or create them anew elsewhere; then delete the provider.";
    IdempotencyInProgress = "idempotency_in_progress", 409, "The same call is still running",
        "A call with this Idempotency-Key has not ended yet. A few seconds were waited for its answer.",
        "Send the same request again after the seconds of Retry-After: its answer is told then.";
    IdempotencyKeyReused = "idempotency_key_reused", 409, "The key belongs to another request",
        "A call with this Idempotency-Key (or with the same values of the tool's key_fields) was made with another input.",
        "Use another key for another request; repeat a request unchanged.";
    NothingToConfirm = "nothing_to_confirm", 409, "There is no consent to confirm",
        "Nobody came back from the provider yet, it took too long, or the code was wrong too often.",
        "Open connect_url first; POST /api/v1/connections makes a new one.";
    BodyTooLarge = "body_too_large", 413, "The body is too large",
        "The body has more than 1 MB (1,048,576 bytes).",
        "Send less.";
    UnsupportedMediaType = "unsupported_media_type", 415, "The body must be JSON",
        "The content-type is not application/json.",
        "Send content-type: application/json.";
    QuotaExceeded = "quota_exceeded", 429, "The quota is used up",
        "One of this product's own limits is reached; not the upstream's.",
        "Wait for the seconds of Retry-After.";
    ModelRateLimited = "model_rate_limited", 429, "The model server is over its rate limit",
        "The model provider answered 429, also after a few more tries.",
        "Wait for the seconds of Retry-After, or raise the limit at the provider.";
    HeadersTooLarge = "headers_too_large", 431, "The headers are too large",
        "More than 100 headers, or more than 32 KB of them.",
        "Send fewer headers.";
    Internal = "internal", 500, "Something broke on our side",
        "A defect of this product; nothing that the request did wrong.",
        "Report the request_id. Read before you repeat a change: it may have been made.";
    DatabaseUnavailable = "database_unavailable", 503, "The database does not answer",
        "Postgres cannot be reached, or all its connections are taken.",
        "Try again after the seconds of Retry-After.";
    KeysUnavailable = "keys_unavailable", 503, "Tokens cannot be checked now",
        "The keys that sign user tokens cannot be fetched.",
        "Try again after the seconds of Retry-After.";
    PublicUrlMissing = "public_url_missing", 503, "Connections are not set up",
        "A provider sends people back to this product, but PUBLIC_URL does not say where that is.",
        "The operator sets PUBLIC_URL, and registers PUBLIC_URL/api/v1/connections/callback with the provider.";
    AuditUnavailable = "audit_unavailable", 503, "The audit log cannot be written",
        "The use of a secret is recorded before it is sent. The record could not be written, so nothing was sent.",
        "Try again after the seconds of Retry-After.";
    SecretStoreUnavailable = "secret_store_unavailable", 503, "The store of secrets does not answer",
        "The value of a secret lives outside Postgres (AWS Secrets Manager), and that store does not answer. A tool was not run: nothing was sent. A change was not made. The deletion of a secret counts already.",
        "Try again after the seconds of Retry-After; the operator's log says what the store answered.";
    ModelNotConfigured = "model_not_configured", 503, "No model is set up",
        "Neither the workspace nor the operator has named a model server and its key.",
        "An admin of the workspace sets one with PUT /api/v1/model, or the operator sets OPENAI_API_KEY (and OPENAI_BASE_URL, OPENAI_MODEL).";
    ModelAuthFailed = "model_auth_failed", 503, "The model server refused the key",
        "The model server answered 401 or 403, or the key cannot be sent.",
        "Check the key: the workspace's setting (PUT /api/v1/model) or the operator's OPENAI_API_KEY.";
    ModelQuotaUsedUp = "model_quota_used_up", 503, "The model provider's quota is used up",
        "The credit or quota of the account at the model provider is used up; waiting a moment does not help.",
        "Add credit or raise the limit at the provider, or set another key.";
    ModelUnavailable = "model_unavailable", 503, "The model server does not answer",
        "The model server cannot be reached, failed or is overloaded, also after a few more tries.",
        "Try again after the seconds of Retry-After.";
    ModelTimedOut = "model_timed_out", 503, "The model did not answer in time",
        "The model server's answer did not begin, fell silent, or the time of the run was over. Tools may have been run: the conversation tells which.",
        "Ask for less at once or use a faster model. Read before you repeat a change: it may have been made.";
    ModelInvalidAnswer = "model_invalid_answer", 503, "The model's answer is not usable",
        "The model server's answer is no answer of the OpenAI Responses API, breaks off in the middle, or is too large.",
        "Try again; check that base_url names a server of the Responses API.";
}

impl Code {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        self.entry().code
    }

    /// The HTTP status.
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.entry().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Whether trying again a moment later is the advice: the answer carries `Retry-After`.
    pub(crate) const fn is_passing(self) -> bool {
        let needs_somebody = matches!(
            self,
            Self::ModelNotConfigured | Self::ModelAuthFailed | Self::ModelQuotaUsedUp
        );
        matches!(self.entry().status, 429 | 503) && !needs_somebody
    }

    /// Whether this product failed: not a model, and not whoever has yet to set something up.
    pub(crate) const fn is_fault(self) -> bool {
        let theirs = matches!(
            self,
            Self::PublicUrlMissing
                | Self::ModelNotConfigured
                | Self::ModelAuthFailed
                | Self::ModelQuotaUsedUp
                | Self::ModelUnavailable
                | Self::ModelTimedOut
                | Self::ModelInvalidAnswer
        );
        self.entry().status >= 500 && !theirs
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::CATALOGUE;

    #[test]
    fn codes_are_unique_and_sorted_by_status() {
        let mut seen = HashSet::new();
        assert!(CATALOGUE.iter().all(|entry| seen.insert(entry.code)));
        assert!(CATALOGUE.is_sorted_by_key(|entry| entry.status));
    }
}
