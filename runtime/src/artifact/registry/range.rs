//! Which part of a blob an answer holds (RFC 9110, §14.4).

use http::{HeaderMap, header};

/// Whether `Content-Range` says that this is the blob from byte `from` to its end at `size`.
pub(super) fn is_rest(headers: &HeaderMap, from: u64, size: u64) -> bool {
    let text = headers.get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    parse(text).is_some_and(|(first, last, whole)| {
        first == from && last.checked_add(1) == Some(size) && whole.is_none_or(|whole| whole == size)
    })
}

/// First and last byte, and the whole size where it is known.
fn parse(text: &str) -> Option<(u64, u64, Option<u64>)> {
    let (range, whole) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let whole = if whole == "*" { None } else { Some(number(whole)?) };
    Some((number(first)?, number(last)?, whole))
}

fn number(text: &str) -> Option<u64> {
    text.bytes().all(|c| c.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(text: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_RANGE, text.parse().unwrap());
        is_rest(&headers, 10, 100)
    }

    #[test]
    fn attack_52_only_the_rest_of_the_same_blob_is_the_rest() {
        assert!(rest("bytes 10-99/100"));
        assert!(rest("bytes 10-99/*"));
        for other in [
            "bytes 0-99/100",
            "bytes 11-99/100",
            "bytes 10-98/100",
            "bytes 10-99/101",
            "bytes 10-100/100",
            "bytes */100",
            "bytes 10-/100",
            "bytes +10-99/100",
            "bytes 10-18446744073709551615/100",
            "10-99/100",
            "items 10-99/100",
            "",
        ] {
            assert!(!rest(other), "{other}");
        }
        assert!(!is_rest(&HeaderMap::new(), 10, 100));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "(bytes )?[0-9*/-]{0,40}") {
            let _ = parse(&text);
        }
    }
}
