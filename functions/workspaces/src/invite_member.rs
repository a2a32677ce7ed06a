//! `POST /api/v1/workspaces/{workspace_id}/members`: invites somebody, who becomes a member by accepting.

use axum::extract::State;
use domain::caller::Role;
use domain::ids::WorkspaceId;
use persistence::invitations::{self, Invitee};
use persistence::{Db, Error, Insert, Tx, audit, members};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;
use web::openapi::{Conflict, Missing, words};
use web::{Allowed, Code, Created, Fields, FromFields, Json, Problem, demand};

use crate::noted;
use crate::view::InvitationView;

/// The longest address (RFC 5321), in bytes.
const MAX_EMAIL: usize = 254;

/// Who is invited as what.
#[derive(Debug)]
pub(crate) struct NewInvitation {
    invitee: Invitee,
    role: Role,
}

/// As the API's description tells [`NewInvitation`]: `email` or `user_id`.
#[derive(ToSchema)]
#[schema(as = NewInvitation)]
#[allow(dead_code, reason = "describes the body")]
pub(crate) struct NewInvitationBody {
    /// The address with which the person signs in, in any case.
    #[schema(example = "carol@example.com")]
    email: Option<String>,
    /// Or the person, by the id of their account.
    user_id: Option<Uuid>,
    /// What the person will be: `viewer`, `member` (default), `admin`, or `owner`, which only an owner may give.
    #[schema(inline, value_type = Option<words::Role>)]
    role: Option<String>,
}

impl FromFields for NewInvitation {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let email: Option<String> = fields.optional("email");
        let user = fields.optional_as("user_id");
        let role = fields.optional_as("role").unwrap_or(Role::Member);
        let invitee = match (email, user) {
            (Some(email), None) => address(fields, &email).map(Invitee::Email),
            (None, Some(user)) => Some(Invitee::User(user)),
            (Some(_), Some(_)) => {
                fields.refuse(
                    "user_id",
                    "email says already who is invited",
                    "leave one out",
                );
                None
            }
            (None, None) => {
                fields.refuse(
                    "email",
                    "nobody is named",
                    "send email, or the user_id of an account",
                );
                None
            }
        };
        invitee.map(|invitee| Self { invitee, role })
    }
}

/// An address as it is kept. Whether it exists shows when somebody signs in with it.
fn address(fields: &mut Fields, email: &str) -> Option<String> {
    let email = email.trim();
    let plain = email.len() <= MAX_EMAIL
        && domain::text::hidden_character(email).is_none()
        && !email.contains(char::is_whitespace);
    let parts = email.rsplit_once('@');
    if plain && parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty()) {
        return Some(email.to_owned());
    }
    fields.refuse(
        "email",
        "this is no e-mail address",
        "such as carol@example.com",
    );
    None
}

/// Invite a member
///
/// The person becomes a member by accepting within 14 days: `GET /api/v1/invitations` shows it to whoever signs in with that
/// verified address, or as that user. Nothing is sent: tell the person. Inviting somebody again replaces the open invitation.
#[utoipa::path(
    post, path = "/api/v1/workspaces/{workspace_id}/members", operation_id = "invite_member", tag = "workspaces",
    params(("workspace_id" = String, Path, description = "Id or slug of the workspace.", example = "research")),
    request_body(content = NewInvitationBody, example = json!({ "email": "carol@example.com", "role": "member" })),
    responses((status = 201, description = "The open invitation.", body = InvitationView), Missing, Conflict)
)]
pub(crate) async fn invite_member(
    Allowed(caller): Allowed,
    State(db): State<Db>,
    Json(NewInvitation { invitee, role }): Json<NewInvitation>,
) -> Result<Created<InvitationView>, Problem> {
    if role == Role::Owner {
        demand(&caller, Role::Owner)?;
    }
    let workspace = caller.workspace_id;
    let mut tx = db.begin_as(&caller.principal, Some(workspace)).await?;
    if is_member(&mut tx, workspace, &invitee).await? {
        let detail = "this person is in the workspace already";
        return Err(Problem::new(Code::AlreadyMember, detail));
    }
    let made = invitations::insert(&mut tx, workspace, &invitee, role).await?;
    let Insert::Created(invitation) = made else {
        let detail = "this person was invited in the same moment";
        return Err(Problem::new(Code::AlreadyExists, detail));
    };
    let invitation = InvitationView::from(invitation);
    let id = invitation.id.to_string();
    let detail = json!({ "email": invitation.email, "user_id": invitation.user_id, "role": role });
    let line = noted(&caller, "invitation.create", ("invitation", &id), detail);
    audit::append(&mut tx, &line).await?;
    tx.commit().await?;
    Ok(Created(invitation))
}

async fn is_member(tx: &mut Tx, workspace: WorkspaceId, invitee: &Invitee) -> Result<bool, Error> {
    let member = match invitee {
        Invitee::Email(email) => members::by_email(tx, workspace, email).await?,
        Invitee::User(user) => members::by_id(tx, workspace, *user).await?,
    };
    Ok(member.is_some())
}
