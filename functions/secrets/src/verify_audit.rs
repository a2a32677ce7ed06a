//! `GET /api/v1/audit/verify`: recomputes the chain of hashes through the audit.

use axum::extract::State;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use vault::chain::{self, Broken, Verified};
use web::{Allowed, FromQuery, Json, Params, Problem, Query};

use crate::Secrets;

/// The most rows that one request recomputes.
const MAX_ROWS: i64 = 100_000;

/// What is verified.
#[derive(Debug)]
pub(crate) struct Wanted(chain::Wanted);

/// As the API's description tells [`Wanted`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query")]
pub(crate) struct WantedParams {
    /// The first place to check.
    #[param(minimum = 1, default = 1)]
    from_seq: Option<i64>,
    /// At most so many lines.
    #[param(minimum = 1, maximum = 100000, default = 100000)]
    limit: Option<i64>,
    /// A place whose hash you noted; with `expect_hash`.
    #[param(minimum = 1)]
    expect_seq: Option<i64>,
    /// The hash that you noted for it, in hex.
    #[param(min_length = 64, max_length = 64)]
    expect_hash: Option<String>,
}

impl FromQuery for Wanted {
    fn from_query(params: &mut Params) -> Result<Self, Problem> {
        let from_seq = whole(params, "from_seq", i64::MAX).unwrap_or(1);
        let limit = whole(params, "limit", MAX_ROWS).unwrap_or(MAX_ROWS);
        let seq = whole(params, "expect_seq", i64::MAX);
        let hash = hash(params);
        if seq.is_some() != hash.is_some() {
            let (name, other) = match seq {
                Some(_) => ("expect_hash", "expect_seq"),
                None => ("expect_seq", "expect_hash"),
            };
            let message = format!("{name} must be given with {other}");
            params.refuse(name, message, "give both, or none");
        }
        Ok(Self(chain::Wanted {
            from_seq,
            limit,
            expected: seq.zip(hash),
        }))
    }
}

fn whole(params: &mut Params, name: &'static str, most: i64) -> Option<i64> {
    let number = params.text(name)?.parse::<i64>();
    let number = number.ok().filter(|number| (1..=most).contains(number));
    if number.is_none() {
        let message = format!("{name} must be a number from 1 to {most}");
        params.refuse(name, message, "leave it out for the default");
    }
    number
}

fn hash(params: &mut Params) -> Option<Vec<u8>> {
    let text = params.text("expect_hash")?;
    let hash = hex::decode(&text).ok().filter(|hash| hash.len() == 32);
    if hash.is_none() {
        let message = "expect_hash must be 64 hexadecimal digits";
        params.refuse(
            "expect_hash",
            message,
            "copy head.hash of an earlier answer",
        );
    }
    hash
}

/// A place in the chain.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditPlace)]
pub(crate) struct PlaceView {
    /// Counted from 1.
    #[schema(example = 812)]
    seq: i64,
    /// The hash of the line there, in hex.
    #[schema(example = "43f9fbaa660e1f8939a9a9b6aca70a6c311e39b59e5223419a21c77fd2e3cae2")]
    hash: String,
}

/// A place where the chain does not hold.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditBreak)]
pub(crate) struct BreakView {
    /// The place.
    #[schema(example = 17)]
    seq: i64,
    /// The line there, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<i64>,
    /// `missing`: removed; `changed`: altered; `unlinked`: does not continue the line before; `head`: the end was cut or
    /// added to; `unexpected`: not what you noted.
    #[schema(example = "changed")]
    reason: &'static str,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditVerification {
    /// Whether all that was checked is as it was written.
    ok: bool,
    /// How many lines were recomputed.
    #[schema(example = 812)]
    checked: i64,
    /// The length of the chain.
    #[schema(example = 812)]
    linked: i64,
    /// Lines that were written and are not in the chain yet.
    #[schema(example = 0)]
    pending: i64,
    /// The end of the chain. Note it elsewhere: with it you find out later that everything was rewritten.
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<PlaceView>,
    /// The last line that was recomputed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reached: Option<PlaceView>,
    /// Where to go on (`from_seq`); absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_seq: Option<i64>,
    /// The first place where the chain does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<BreakView>,
}

impl From<Verified> for AuditVerification {
    fn from(verified: Verified) -> Self {
        let place = |(seq, hash): (i64, Vec<u8>)| PlaceView {
            seq,
            hash: hex::encode(hash),
        };
        Self {
            ok: verified.broken.is_none(),
            checked: verified.checked,
            linked: verified.linked,
            pending: verified.pending,
            head: verified.head.map(place),
            reached: verified.reached.map(place),
            next_seq: verified.next_seq,
            broken: verified.broken.map(|Broken { seq, id, reason }| BreakView {
                seq,
                id,
                reason: reason.as_str(),
            }),
        }
    }
}

/// Verify the audit
///
/// Links what was written since, then recomputes the hash of every line. A removed, altered or moved line is found.
#[utoipa::path(
    get, path = "/api/v1/audit/verify", operation_id = "verify_audit", tag = "secrets",
    params(WantedParams),
    responses((status = 200, description = "What was found.", body = AuditVerification))
)]
pub(crate) async fn verify_audit(
    Allowed(caller): Allowed,
    State(secrets): State<Secrets>,
    Query(Wanted(wanted)): Query<Wanted>,
) -> Result<Json<AuditVerification>, Problem> {
    let verified = chain::verify(&secrets.db, &caller, &wanted).await?;
    Ok(Json(verified.into()))
}
