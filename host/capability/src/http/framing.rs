//! The framing of a request: the host alone says where its body ends, so that no server reads a part of the body as
//! another request.

use http::{HeaderMap, HeaderValue, header};
use hyper::body::Body;
use tollgate_policy::{Reason, decide};

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
        Ok(()) => _ = headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length)),
        Err(reason) if length > 0 => return Err(reason),
        Err(_) => {}
    }
    Ok(Some(length))
}

/// The last look at a request before it is sent, whatever interface it comes from: a method that takes no body has none,
/// and the connection ends with the response. A server that answers without reading the body would otherwise read the
/// body as the next request (RFC 9112, 9.6: after `close` it must not).
pub(super) fn seal(method: &str, headers: &mut HeaderMap, body: &impl Body) -> Result<(), Reason> {
    if !body.is_end_stream() {
        decide::body(method)?;
    }
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn lengths(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(
                header::CONTENT_LENGTH,
                HeaderValue::from_str(value).unwrap(),
            );
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
