//! Times as decisions show them, and as policies have them.

use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};

/// As it is reckoned with.
pub(crate) fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(Timestamp::MAX)
}

/// RFC 3339, in UTC and whole seconds.
pub(crate) fn shown(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(|_| "an unknown time".to_owned(), |time| format!("{time:.0}"))
}

/// Reads how long something may take, from a second to ten years: a whole number and `s`, `m`, `h`, `d` or `w`.
pub(crate) fn parse_age(text: &str) -> Option<SignedDuration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        "w" => 7 * 24 * 60 * 60,
        _ => return None,
    };
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = is_number.then(|| number.parse::<i64>().ok()?.checked_mul(seconds)).flatten()?;
    (1..=3650 * 24 * 60 * 60).contains(&seconds).then(|| SignedDuration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_time_is_shown_in_utc_without_fractions() {
        assert_eq!(shown(SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_500)), "2023-11-14T22:13:20Z");
    }

    #[test]
    fn an_age_is_a_whole_number_and_its_unit() {
        for (text, seconds) in [("1s", 1), ("5m", 300), ("2h", 7200), ("1d", 86400), ("1w", 604_800)] {
            assert_eq!(parse_age(text), Some(SignedDuration::from_secs(seconds)), "{text}");
        }
        for text in ["", "7", "d", "7 d", "-7d", "0d", "+7d", "1.5d", "99999d", "9999999999999999999d", "7é", "7x"] {
            assert_eq!(parse_age(text), None, "{text}");
        }
    }
}
