//! How tools, flows and prompts are published and withdrawn.

use chrono::{DateTime, Utc};
use domain::caller::Caller;
use domain::fault::Fault;
use domain::ids::ToolId;
use domain::publication::{Kind, Needs};
use persistence::publications::Published;
use registry::Offer;
use serde::Serialize;
use utoipa::ToSchema;
use web::{Fields, FromFields, Problem};

use crate::Marketplace;
use crate::needs_view::NeedsView;

/// How it is published. All of it may be left out, the body too.
#[derive(Debug, ToSchema)]
pub(crate) struct PublishRequest {
    /// What its public id ends with, behind the workspace's slug and `_`; its own id unless stated. It never changes.
    #[schema(value_type = Option<String>, example = "get_quote")]
    id: Option<ToolId>,
}

impl FromFields for PublishRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self {
            id: fields.optional_as("id"),
        })
    }
}

/// Something that is public now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Published)]
pub(crate) struct PublishedView {
    /// Its public id.
    #[schema(example = "research_get_quote")]
    id: String,
    /// `tool`, `flow` or `prompt`.
    #[schema(example = "tool")]
    kind: &'static str,
    /// Its id in the workspace.
    #[schema(example = "get_quote")]
    tool_id: String,
    /// Always true.
    #[schema(example = true)]
    published: bool,
    /// The version that is public.
    #[schema(example = 3)]
    version: i32,
    /// SHA-256 over the whole content, in hex.
    hash: String,
    /// Recorded fixtures that passed.
    fixtures: usize,
    /// What an install will have to bind, and what it allows.
    needs: NeedsView,
    /// Since when it is public.
    published_at: DateTime<Utc>,
    /// When its content last changed.
    updated_at: DateTime<Utc>,
}

impl PublishedView {
    fn new(offer: Offer, fixtures: usize, published: Published) -> Self {
        let needs: Needs = offer.needs;
        Self {
            id: published.slug,
            kind: offer.kind.as_str(),
            tool_id: offer.id,
            published: true,
            version: published.version,
            hash: published.hash,
            fixtures,
            needs: NeedsView::new(needs, None),
            published_at: published.published_at,
            updated_at: published.updated_at,
        }
    }
}

impl Marketplace {
    /// Gathers what would be public, tries its fixtures, and makes it public.
    pub(crate) async fn publish(
        &self,
        caller: &Caller,
        kind: Kind,
        id: &str,
        request: &PublishRequest,
    ) -> Result<PublishedView, Problem> {
        let market = self.registry.market();
        let mut offer = market.offer(caller, kind, id).await?;
        let fixtures = tried(&mut offer);
        let public_id = request.id.as_ref();
        let published = market.publish(caller, &offer, public_id, fixtures).await?;
        Ok(PublishedView::new(offer, fixtures, published))
    }
}

/// How many recorded fixtures there are. Those that fail are in the way.
fn tried(offer: &mut Offer) -> usize {
    let mut tried = 0;
    for (at, tool) in &offer.tools {
        for fixture in executor::fixtures(tool, Utc::now()) {
            tried += 1;
            let failed = fixture.faults.into_iter().map(|fault| Fault {
                pointer: format!("{at}{}", fault.pointer),
                message: format!("the test \"{}\" fails: {}", fixture.name, fault.message),
                ..fault
            });
            offer.faults.extend(failed);
        }
    }
    tried
}
