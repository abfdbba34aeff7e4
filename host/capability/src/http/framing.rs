//! The framing of a request: the host alone says where its body ends, so that no server reads a part of the body as
//! another request.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use hyper::body::Body;
use tollgate_policy::{Reason, decide};

/// The most that the head of a message may take, in bytes and in fields. For a response, its informational responses and
/// its trailers count as well. Servers and clients send a few KiB.
pub(super) const HEAD_BYTES: usize = 64 << 10;
pub(super) const HEAD_FIELDS: usize = 128;

/// Bytes of a field beside its name and its value: `: ` and a line break.
const FIELD_BYTES: usize = 4;

/// Bounds the headers of a request. A [`HeaderMap`] holds 24,576 and panics at the next one, so each place that adds one
/// has to be told of a failure, and this bound lets none of them fail.
///
/// # Errors
///
/// [`Reason::HeadTooLarge`].
pub(super) fn bound(headers: &HeaderMap) -> Result<(), Reason> {
    let bytes = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + FIELD_BYTES);
    match headers.len() <= HEAD_FIELDS && bytes.sum::<usize>() <= HEAD_BYTES {
        true => Ok(()),
        false => Err(Reason::HeadTooLarge),
    }
}

/// Sets a header of a request.
///
/// # Errors
///
/// [`Reason::HeadTooLarge`], where [`HeaderMap::insert`] panics.
pub(super) fn set(
    headers: &mut HeaderMap,
    name: HeaderName,
    value: HeaderValue,
) -> Result<(), Reason> {
    match headers.try_insert(name, value) {
        Ok(_) => Ok(()),
        Err(_) => Err(Reason::HeadTooLarge),
    }
}

/// Takes the `content-length` that a guest declares out of its headers and puts it back as the host writes it: one
/// header, one decimal number. A method that takes no body has none.
///
/// # Errors
///
/// [`Reason::BadHeader`] if it is declared twice, or other than as decimal digits: servers read `+5`, `0x5` and `5, 5` in
/// different ways. [`Reason::Method`] if the method takes no body and the length is not 0.
pub fn declared_length(method: &str, headers: &mut HeaderMap) -> Result<Option<u64>, Reason> {
    let mut values = headers.get_all(header::CONTENT_LENGTH).iter();
    let (first, second) = (values.next(), values.next());
    let Some(value) = first else { return Ok(None) };
    let text = value.to_str().map_err(|_| Reason::BadHeader)?;
    let plain = text.bytes().all(|b| b.is_ascii_digit());
    let length: u64 = match second {
        None if plain => text.parse().map_err(|_| Reason::BadHeader)?,
        _ => return Err(Reason::BadHeader),
    };
    headers.remove(header::CONTENT_LENGTH);
    match decide::body(method) {
        Ok(()) => set(headers, header::CONTENT_LENGTH, HeaderValue::from(length))?,
        Err(reason) if length > 0 => return Err(reason),
        Err(_) => {}
    }
    Ok(Some(length))
}

/// The last check of a request of any interface before it is sent: a method that takes no body has none, and the
/// connection ends with the response. A server that answers without reading the body would otherwise read the body as
/// the next request (RFC 9112, 9.6: after `close` it must not).
///
/// A method that defines a body and has none says so: some servers otherwise answer 411 (RFC 9110, 8.6).
pub(super) fn seal(method: &str, headers: &mut HeaderMap, body: &impl Body) -> Result<(), Reason> {
    if !body.is_end_stream() {
        decide::body(method)?;
    } else if ["POST", "PUT", "PATCH"].contains(&method)
        && !headers.contains_key(header::CONTENT_LENGTH)
    {
        set(headers, header::CONTENT_LENGTH, HeaderValue::from(0))?;
    }
    set(
        headers,
        header::CONNECTION,
        HeaderValue::from_static("close"),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn lengths(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_str(value).unwrap();
            headers.try_append(header::CONTENT_LENGTH, value).unwrap();
        }
        headers
    }

    #[test]
    fn a_length_is_one_decimal_number() {
        for (values, expected) in [
            (&[][..], Ok(None)),
            (&["0"], Ok(Some(0))),
            (&["5"], Ok(Some(5))),
            (&["0005"], Ok(Some(5))),
            (&["18446744073709551615"], Ok(Some(u64::MAX))),
            (&["18446744073709551616"], Err(Reason::BadHeader)),
            (&["+5"], Err(Reason::BadHeader)),
            (&["-5"], Err(Reason::BadHeader)),
            (&["0x5"], Err(Reason::BadHeader)),
            (&["5, 5"], Err(Reason::BadHeader)),
            (&["5 "], Err(Reason::BadHeader)),
            (&[""], Err(Reason::BadHeader)),
            (&["5", "5"], Err(Reason::BadHeader)),
            (&["5", "6"], Err(Reason::BadHeader)),
            (&["5\u{e9}"], Err(Reason::BadHeader)),
        ] {
            let mut headers = lengths(values);
            assert_eq!(
                declared_length("POST", &mut headers),
                expected,
                "{values:?}"
            );
            if let Ok(Some(length)) = expected {
                let written = headers.get(header::CONTENT_LENGTH).unwrap();
                assert_eq!(written.to_str().unwrap(), length.to_string());
            }
        }
    }

    #[test]
    fn a_head_has_so_many_fields_and_bytes() {
        let head = |fields: usize, bytes: usize| {
            let mut headers = HeaderMap::new();
            for at in 0..fields {
                let name = HeaderName::try_from(format!("x-{at:05}")).unwrap();
                headers
                    .try_append(name, HeaderValue::from_static(""))
                    .unwrap();
            }
            let value = HeaderValue::try_from("x".repeat(bytes)).unwrap();
            headers.try_append("x-00000", value).unwrap();
            bound(&headers)
        };
        assert_eq!(head(127, 0), Ok(()));
        assert_eq!(head(128, 0), Err(Reason::HeadTooLarge));
        // The names, twice, and the bytes between the fields.
        assert_eq!(head(1, HEAD_BYTES - 22), Ok(()));
        assert_eq!(head(1, HEAD_BYTES - 21), Err(Reason::HeadTooLarge));
    }

    /// The most that a map holds.
    #[test]
    fn a_full_map_takes_no_header_of_the_hosts() {
        let mut headers = HeaderMap::new();
        for at in 0.. {
            let name = HeaderName::try_from(format!("x-{at}")).unwrap();
            if headers
                .try_append(name, HeaderValue::from_static(""))
                .is_err()
            {
                break;
            }
        }
        assert_eq!(headers.len(), 24_576);
        let body = http_body_util::Empty::<hyper::body::Bytes>::new();
        assert_eq!(seal("GET", &mut headers, &body), Err(Reason::HeadTooLarge));
        let name = header::HOST;
        assert_eq!(
            set(&mut headers, name, HeaderValue::from_static("a")),
            Err(Reason::HeadTooLarge)
        );
    }

    #[test]
    fn a_body_that_is_missing_has_the_length_0() {
        let empty = http_body_util::Empty::<hyper::body::Bytes>::new();
        let full = http_body_util::Full::new(hyper::body::Bytes::from_static(b"x"));
        for (method, says) in [
            ("POST", true),
            ("PUT", true),
            ("PATCH", true),
            ("DELETE", false),
            ("GET", false),
        ] {
            let mut headers = HeaderMap::new();
            seal(method, &mut headers, &empty).unwrap();
            let length = headers.get(header::CONTENT_LENGTH);
            assert_eq!(length.is_some_and(|length| length == "0"), says, "{method}");
        }
        let mut headers = HeaderMap::new();
        seal("POST", &mut headers, &full).unwrap();
        assert!(!headers.contains_key(header::CONTENT_LENGTH));
        // The declared length of the guest is not corrected: the request fails.
        let mut headers = lengths(&["5"]);
        seal("POST", &mut headers, &empty).unwrap();
        assert_eq!(headers.get(header::CONTENT_LENGTH).unwrap(), "5");
    }

    #[test]
    fn a_method_without_a_body_has_no_length() {
        for method in ["GET", "HEAD", "OPTIONS", "TRACE", "CONNECT"] {
            let mut headers = lengths(&["0"]);
            assert_eq!(declared_length(method, &mut headers), Ok(Some(0)));
            assert!(headers.is_empty(), "{method}");
            let declared = declared_length(method, &mut lengths(&["7"]));
            assert_eq!(declared, Err(Reason::Method), "{method}");
        }
    }
}
