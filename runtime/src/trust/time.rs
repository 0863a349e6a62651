//! Times as decisions show them.

use std::time::SystemTime;

use jiff::Timestamp;

/// RFC 3339, in UTC and whole seconds.
pub(crate) fn shown(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(|_| "an unknown time".to_owned(), |time| format!("{time:.0}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_time_is_shown_in_utc_without_fractions() {
        assert_eq!(shown(SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_500)), "2023-11-14T22:13:20Z");
    }
}
