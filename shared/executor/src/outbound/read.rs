//! Reading an answer's body: streamed, counted before and after decompression, never more than allowed.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use http::header::{CONTENT_ENCODING, HeaderMap};
use reqwest::Response;

use super::Bytes;
use super::stopped::{Cause, Stopped, from_client};

/// How much of an error's body is read; what is told of it is less.
const ERROR_BODY: u64 = 64 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
}

/// The whole body, decoded, or why it is not taken.
///
/// # Errors
/// More than `limit` bytes, a broken connection, or an encoding other than gzip.
pub async fn whole(mut response: Response, limit: u64) -> Result<Bytes, Stopped> {
    let status = response.status().as_u16();
    let stopped = |cause| Stopped::answered(cause, status);
    let encoding = encoding(response.headers()).map_err(stopped)?;
    if response
        .content_length()
        .is_some_and(|length| length > limit)
    {
        return Err(stopped(Cause::TooLarge(limit)));
    }
    let (body, complete) = collect(&mut response, limit)
        .await
        .map_err(|error| from_client(&error, Some(status)))?;
    if !complete {
        return Err(stopped(Cause::TooLarge(limit)));
    }
    match encoding {
        Encoding::Gzip if !body.is_empty() => gunzip(&body, limit).map_err(stopped),
        Encoding::Gzip | Encoding::Identity => Ok(body),
    }
}

/// As much of an error's body as came and could be read: the status says more than a broken body.
pub async fn beginning(mut response: Response) -> Bytes {
    let encoding = encoding(response.headers());
    let Ok((body, _)) = collect(&mut response, ERROR_BODY).await else {
        return Bytes::new();
    };
    match encoding {
        Ok(Encoding::Identity) => body,
        Ok(Encoding::Gzip) => {
            let mut decoded = Vec::new();
            // A stream that was cut short still yields its beginning.
            let _ = MultiGzDecoder::new(&body[..])
                .take(ERROR_BODY)
                .read_to_end(&mut decoded);
            decoded.into()
        }
        Err(_) => Bytes::new(),
    }
}

/// Collects up to `limit` bytes; false when there was more.
async fn collect(response: &mut Response, limit: u64) -> Result<(Bytes, bool), reqwest::Error> {
    let Some(first) = response.chunk().await? else {
        return Ok((Bytes::new(), true));
    };
    let mut body = Vec::new();
    let mut next = Some(first);
    while let Some(chunk) = next {
        if (body.len() + chunk.len()) as u64 > limit {
            let left = usize::try_from(limit).map_or(0, |limit| limit - body.len());
            body.extend_from_slice(&chunk[..left]);
            return Ok((body.into(), false));
        }
        next = response.chunk().await?;
        if body.is_empty() && next.is_none() {
            // The usual small answer arrives in one piece: no copy.
            return Ok((chunk, true));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((body.into(), true))
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Cause> {
    let mut found = Encoding::Identity;
    for value in headers.get_all(CONTENT_ENCODING) {
        let value = value.as_bytes().trim_ascii();
        if value.is_empty() || value.eq_ignore_ascii_case(b"identity") {
            continue;
        }
        let gzip = value.eq_ignore_ascii_case(b"gzip") || value.eq_ignore_ascii_case(b"x-gzip");
        if !gzip || found == Encoding::Gzip {
            return Err(Cause::invalid(
                "The upstream's answer has a content encoding that was not asked for.",
                "Only gzip, once, is decoded; the upstream must honour Accept-Encoding.",
            ));
        }
        found = Encoding::Gzip;
    }
    Ok(found)
}

fn gunzip(body: &[u8], limit: u64) -> Result<Bytes, Cause> {
    let mut decoded = Vec::with_capacity(body.len().saturating_mul(4).min(1 << 20));
    let read = MultiGzDecoder::new(body)
        .take(limit.saturating_add(1))
        .read_to_end(&mut decoded);
    match read {
        Ok(_) if decoded.len() as u64 > limit => Err(Cause::TooLarge(limit)),
        Ok(_) => Ok(decoded.into()),
        Err(error) => Err(bad_gzip(&error)),
    }
}

fn bad_gzip(error: &io::Error) -> Cause {
    Cause::invalid(
        format!("The upstream's answer says gzip but is not: {error}."),
        "The upstream declares a content encoding that its body does not have.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_small_bomb_stops_at_the_limit() {
        let bomb = gzip(&vec![0; 50 << 20]);
        assert!(bomb.len() < 100_000);
        assert_eq!(gunzip(&bomb, 1 << 20), Err(Cause::TooLarge(1 << 20)));
    }

    #[test]
    fn exactly_the_limit_is_allowed() {
        let body = gzip(&[b'a'; 1000]);
        assert_eq!(gunzip(&body, 1000).unwrap().len(), 1000);
        assert_eq!(gunzip(&body, 999), Err(Cause::TooLarge(999)));
    }

    #[test]
    fn what_is_not_gzip_is_refused() {
        let mut short = gzip(b"hello hello hello");
        short.truncate(short.len() - 4);
        for body in [&b"{}"[..], &short] {
            assert!(matches!(gunzip(body, 1000), Err(Cause::Invalid { .. })));
        }
    }

    #[test]
    fn only_one_gzip_is_decoded() {
        for (values, ok) in [
            (&["gzip"][..], true),
            (&["GZIP"], true),
            (&["identity"], true),
            (&["br"], false),
            (&["gzip, gzip"], false),
            (&["gzip", "gzip"], false),
            (&["foo"], false),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, value.parse().unwrap());
            }
            assert_eq!(encoding(&headers).is_ok(), ok, "{values:?}");
        }
    }
}
