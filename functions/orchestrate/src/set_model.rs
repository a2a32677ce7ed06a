//! `PUT /api/v1/model`: the workspace's prompts go to a model server of its own.

use axum::extract::State;
use domain::ids::SecretName;
use orchestrator::Agent;
use orchestrator::setting::Setting;
use utoipa::ToSchema;
use web::{Allowed, Fields, FromFields, Json, Problem};

use crate::failed;
use crate::model_view::ModelView;

/// A model server.
#[derive(Debug, ToSchema)]
#[schema(as = NewModelSetting)]
pub(crate) struct NewModelSetting {
    /// A server of the OpenAI Responses API: the address before `/responses`. Public https, as for tools.
    #[schema(example = "https://api.openai.com/v1")]
    base_url: String,
    /// The model of requests that name none.
    #[schema(example = "gpt-5")]
    model: Option<String>,
    /// The secret that holds its key.
    #[schema(value_type = String, example = "${OPENAI_KEY}")]
    api_key_ref: SecretName,
}

impl FromFields for NewModelSetting {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let base_url = fields.required("base_url");
        let model = fields.optional("model");
        let api_key_ref: Option<String> = fields.required("api_key_ref");
        let name = api_key_ref.and_then(|text| {
            let inner = text
                .strip_prefix("${")
                .and_then(|rest| rest.strip_suffix('}'));
            let name = inner.unwrap_or(&text).parse();
            if name.is_err() {
                let hint = "store the key with POST /api/v1/secrets and write ${NAME}";
                fields.refuse("api_key_ref", "\"api_key_ref\" must name a secret", hint);
            }
            name.ok()
        });
        Some(Self {
            base_url: base_url?,
            model,
            api_key_ref: name?,
        })
    }
}

/// Set the model setting
///
/// From the next prompt on this server answers, with the key of this secret. A key without hosts is bound to the server's host now.
#[utoipa::path(
    put, path = "/api/v1/model", operation_id = "set_model", tag = "orchestrate",
    request_body(content = NewModelSetting,
        example = json!({ "base_url": "https://api.openai.com/v1", "model": "gpt-5", "api_key_ref": "${OPENAI_KEY}" })),
    responses((status = 200, description = "It is set.", body = ModelView))
)]
pub(crate) async fn set_model(
    Allowed(caller): Allowed,
    State(agent): State<Agent>,
    Json(new): Json<NewModelSetting>,
) -> Result<Json<ModelView>, Problem> {
    let setting = Setting {
        base_url: new.base_url,
        model: new.model,
        api_key: new.api_key_ref,
    };
    let set = agent.set_model(&caller, &setting).await;
    Ok(Json(set.map_err(failed::problem)?.into()))
}
