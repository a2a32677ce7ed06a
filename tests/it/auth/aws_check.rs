//! Checks AWS Signature Version 4 as AWS documents it ("Create a signed AWS API request"), with RustCrypto alone.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use testkit::Captured;

/// What the checker knows of the caller.
pub(super) struct Known<'k> {
    pub(super) id: &'k str,
    pub(super) key: &'k str,
    pub(super) region: &'k str,
    pub(super) service: &'k str,
}

/// Whether the request is signed with the known key. The error says what is not.
pub(super) fn check(request: &Captured, known: &Known<'_>) -> Result<(), String> {
    let authorization = request.header("authorization").ok_or("no authorization")?;
    let fields = authorization
        .strip_prefix("AWS4-HMAC-SHA256 ")
        .ok_or("another algorithm")?;
    let field = |name: &str| {
        fields
            .split(", ")
            .find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
            .ok_or(format!("no {name} in {fields}"))
    };
    let time = request.header("x-amz-date").ok_or("no x-amz-date")?;
    let date = time.get(..8).ok_or("no date")?;
    let scope = format!("{date}/{}/{}/aws4_request", known.region, known.service);
    if field("Credential")? != format!("{}/{scope}", known.id) {
        return Err(format!("the credential is {}", field("Credential")?));
    }
    let signed: Vec<&str> = field("SignedHeaders")?.split(';').collect();
    for must in ["host", "x-amz-date"] {
        if !signed.contains(&must) {
            return Err(format!("{must} is not signed"));
        }
    }
    let every = request
        .headers
        .iter()
        .map(|(name, _)| name.to_ascii_lowercase());
    if let Some(name) = every
        .into_iter()
        .find(|name| name.starts_with("x-amz-") && !signed.contains(&name.as_str()))
    {
        return Err(format!("{name} is not signed"));
    }
    let hash = hex(&Sha256::digest(&request.body));
    if request
        .header("x-amz-content-sha256")
        .is_some_and(|stated| stated != hash)
    {
        return Err("the body is another one".to_owned());
    }
    let canonical = canonical(request, &signed, &hash, known.service == "s3")?;
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{time}\n{scope}\n{}",
        hex(&Sha256::digest(&canonical))
    );
    let mut key = mac(format!("AWS4{}", known.key).as_bytes(), date);
    for part in [known.region, known.service, "aws4_request"] {
        key = mac(&key, part);
    }
    let expected = hex(&mac(&key, &to_sign));
    if field("Signature")? == expected {
        Ok(())
    } else {
        Err(format!(
            "the signature is {}, expected {expected} of\n{canonical}",
            field("Signature")?
        ))
    }
}

/// The canonical request. All services but S3 encode the path once more.
fn canonical(request: &Captured, signed: &[&str], hash: &str, s3: bool) -> Result<String, String> {
    let path = request.path();
    let path = if s3 {
        encoded(&decoded(path), true)
    } else {
        encoded(path, true)
    };
    let query = request
        .target
        .split_once('?')
        .map_or("", |(_, query)| query);
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| {
            (
                encoded(&decoded(name), false),
                encoded(&decoded(value), false),
            )
        })
        .collect();
    pairs.sort();
    let query: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let mut headers = String::new();
    for name in signed {
        let value = request.header(name).ok_or(format!("no {name}"))?;
        let words: Vec<&str> = value.split(' ').filter(|word| !word.is_empty()).collect();
        headers.push_str(&format!("{name}:{}\n", words.join(" ")));
    }
    let parts = [
        &request.method,
        &path,
        &query.join("&"),
        &headers,
        &signed.join(";"),
        hash,
    ];
    Ok(parts.join("\n"))
}

/// `UriEncode` of the documentation.
fn encoded(text: &str, slashes: bool) -> String {
    let mut written = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                written.push(byte.into())
            }
            b'/' if slashes => written.push('/'),
            byte => written.push_str(&format!("%{byte:02X}")),
        }
    }
    written
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match (first, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            (byte, _) => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn mac(key: &[u8], message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The examples that AWS publishes: the checker must agree with them before it may judge anybody.
#[test]
fn agrees_with_the_published_examples() {
    let request = |method: &str, target: &str, headers: &[(&str, &str)]| Captured {
        method: method.to_owned(),
        target: target.to_owned(),
        headers: headers
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect(),
        body: Vec::new(),
    };
    let signed = |scope: &str, id: &str, headers: &str, signature: &str| {
        format!(
            "AWS4-HMAC-SHA256 Credential={id}/{scope}/aws4_request, SignedHeaders={headers}, Signature={signature}"
        )
    };
    let example = Known {
        id: "AKIDEXAMPLE",
        key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        region: "us-east-1",
        service: "service",
    };
    let vanilla = signed(
        "20150830/us-east-1/service",
        "AKIDEXAMPLE",
        "host;x-amz-date",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    );
    let base = [
        ("Host", "example.amazonaws.com"),
        ("X-Amz-Date", "20150830T123600Z"),
    ];
    let vanilla = request("GET", "/", &[base[0], base[1], ("Authorization", &vanilla)]);
    assert_eq!(check(&vanilla, &example), Ok(()));
    let order = signed(
        "20150830/us-east-1/service",
        "AKIDEXAMPLE",
        "host;x-amz-date",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    );
    let order = request(
        "GET",
        "/?Param2=value2&Param1=value1",
        &[base[0], base[1], ("Authorization", &order)],
    );
    assert_eq!(check(&order, &example), Ok(()));
    let iam = signed(
        "20150830/us-east-1/iam",
        "AKIDEXAMPLE",
        "content-type;host;x-amz-date",
        "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    );
    let iam = request(
        "GET",
        "/?Action=ListUsers&Version=2010-05-08",
        &[
            (
                "Content-Type",
                "application/x-www-form-urlencoded; charset=utf-8",
            ),
            ("Host", "iam.amazonaws.com"),
            base[1],
            ("Authorization", &iam),
        ],
    );
    assert_eq!(
        check(
            &iam,
            &Known {
                service: "iam",
                ..example
            }
        ),
        Ok(())
    );
    let mut moved = iam.clone();
    moved.target.push_str("&UserName=eve");
    assert!(
        check(
            &moved,
            &Known {
                service: "iam",
                ..example
            }
        )
        .is_err()
    );
}

/// The example of S3's own documentation: its path is encoded once.
#[test]
fn agrees_with_the_example_of_s3() {
    let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let authorization = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
        SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, \
        Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
    let headers = [
        ("Host", "examplebucket.s3.amazonaws.com"),
        ("Range", "bytes=0-9"),
        ("x-amz-content-sha256", hash),
        ("x-amz-date", "20130524T000000Z"),
        ("Authorization", authorization),
    ];
    let request = Captured {
        method: "GET".to_owned(),
        target: "/test.txt".to_owned(),
        headers: headers.map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec(),
        body: Vec::new(),
    };
    let known = Known {
        id: "AKIAIOSFODNN7EXAMPLE",
        key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        region: "us-east-1",
        service: "s3",
    };
    assert_eq!(check(&request, &known), Ok(()));
}
