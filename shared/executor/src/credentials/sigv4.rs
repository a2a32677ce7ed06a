//! AWS Signature Version 4, as the AWS SDK computes it; pure.

use std::time::SystemTime;

use aws_credential_types::Credentials as AwsCredentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode,
};
use aws_sigv4::sign::v4;
use domain::config::AwsSigV4;
use domain::failure::{Failure, FailureCode};
use http::header::CONTENT_TYPE;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::SecretString;

use super::Credentials;
use super::signer::{Moment, secret, set_header};
use crate::outbound::Call;
use crate::render;

/// Every character that AWS encodes in a path, `/` and what is encoded already left alone.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/')
    .remove(b'%');

/// Adds the signature and what belongs to it to the call. Answers what must be masked.
pub(super) fn sign(
    rules: &AwsSigV4,
    held: &Credentials,
    moment: Moment,
    call: &mut Call<'_>,
) -> Result<Vec<SecretString>, Failure> {
    let session = rules.session_token.as_ref();
    let session = session.map(|token| render::fill(token, held)).transpose()?;
    let credentials = AwsCredentials::new(
        render::fill(&rules.access_key, held)?,
        render::fill(&rules.secret_key, held)?,
        session,
        None,
        "workspace secrets",
    );
    // The path as an AWS client would send it: signed and sent are the same then.
    let path = utf8_percent_encode(call.url.path(), PATH).to_string();
    call.url.set_path(&path);
    let identity = credentials.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&rules.region)
        .name(&rules.service)
        .time(SystemTime::from(moment.now))
        .settings(settings(&rules.service))
        .build()
        .map_err(unsigned)?
        .into();
    let (instructions, signature) = {
        // What proxies may change is not signed; the host always is.
        let headers = call.headers.iter().filter_map(|(name, value)| {
            let signed = *name == CONTENT_TYPE || name.as_str().starts_with("x-amz-");
            signed.then_some((name.as_str(), value.to_str().ok()?))
        });
        let body = SignableBody::Bytes(call.body.as_deref().unwrap_or_default());
        let request = SignableRequest::new(call.method.as_str(), call.url.as_str(), headers, body)
            .map_err(unsigned)?;
        // At trace level the signing crate writes what it signs: the key's id and the session token.
        let sign = || aws_sigv4::http_request::sign(request, &params);
        let signed = tracing::dispatcher::with_default(&tracing::Dispatch::none(), sign);
        signed.map_err(unsigned)?.into_parts()
    };
    let (headers, _) = instructions.into_parts();
    for header in headers {
        set_header(call, header.name(), header.value())?;
    }
    Ok(vec![secret(signature)])
}

/// S3 takes the path as it is sent; every other service encodes it once more. The payload's hash is sent to all:
/// some demand it, and none minds it.
fn settings(service: &str) -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    if service == "s3" || service.starts_with("s3-") {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    settings
}

/// The error itself is not told: it may hold a part of the request.
fn unsigned<E>(_: E) -> Failure {
    Failure::new(
        FailureCode::SecretMissing,
        "The request could not be signed with the stored AWS credentials.",
        "Store the access key id, the secret access key and the session token again, each without spaces.",
    )
}
