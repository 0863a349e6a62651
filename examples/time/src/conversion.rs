//! A time of today in one zone, as people elsewhere read it.

use std::fmt;

use jiff::{
    Timestamp,
    civil::{Date, Time},
    tz::AmbiguousOffset,
};
use serde::Serialize;

use crate::{moment::Moment, zone::Zone};

/// One instant in two zones; the structured output of `convert_time`.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Conversion {
    source: Moment,
    target: Moment,
    time_difference: String,
}

impl Conversion {
    /// Converts `time`, on the day it is in `source` at `now`.
    pub(crate) fn new(source: &Zone, time: &str, target: &Zone, now: Timestamp) -> Result<Self, InvalidTime> {
        let clock = hours_and_minutes(time).ok_or(InvalidTime::Format)?;
        let today = source.rules.to_datetime(now).date();
        let local = today.to_datetime(clock);
        let offset = match source.rules.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            // When clocks are put back, the first of the two is meant.
            AmbiguousOffset::Fold { before, .. } => before,
            AmbiguousOffset::Gap { .. } => {
                return Err(InvalidTime::Skipped { time: time.to_owned(), zone: source.name, date: today });
            }
        };
        let instant = offset.to_timestamp(local).map_err(|_| InvalidTime::Format)?;
        let seconds_ahead = target.rules.to_offset(instant).seconds() - offset.seconds();
        Ok(Self {
            source: Moment::new(source, instant),
            target: Moment::new(target, instant),
            time_difference: in_hours(seconds_ahead),
        })
    }
}

/// There is no such time.
#[derive(Debug)]
pub(crate) enum InvalidTime {
    /// Not written as hours and minutes.
    Format,
    /// Clocks are put forward over it.
    Skipped { time: String, zone: &'static str, date: Date },
}

impl fmt::Display for InvalidTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format => f.write_str("Invalid time format. Expected HH:MM [24-hour format]"),
            Self::Skipped { time, zone, date } => {
                write!(f, "Invalid time: {time} does not exist in {zone} on {date} (skipped by a clock change)")
            }
        }
    }
}

/// Reads `HH:MM`; one digit is enough, as for `strptime`.
fn hours_and_minutes(text: &str) -> Option<Time> {
    let (hours, minutes) = text.split_once(':')?;
    Time::new(one_or_two_digits(hours)?, one_or_two_digits(minutes)?, 0, 0).ok()
}

fn one_or_two_digits(text: &str) -> Option<i8> {
    let digits = matches!(text.len(), 1 | 2) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// Writes a difference as `+9.0h`, and parts of an hour as `+5.75h`.
fn in_hours(seconds: i32) -> String {
    let hours = f64::from(seconds) / 3600.0;
    if seconds % 3600 == 0 {
        return format!("{hours:+.1}h");
    }
    let digits = format!("{hours:+.2}");
    format!("{}h", digits.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-22T15:00:00Z";

    /// What `time` is in the source, in the target, and the difference.
    fn convert(source: &str, time: &str, target: &str, now: &str) -> Result<[String; 3], String> {
        let zone = |name| Zone::find(name).unwrap();
        let conversion = Conversion::new(&zone(source), time, &zone(target), now.parse().unwrap());
        let conversion = serde_json::to_value(conversion.map_err(|invalid| invalid.to_string())?).unwrap();
        let text = |pointer| conversion.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        Ok(["/source/datetime", "/target/datetime", "/time_difference"].map(text))
    }

    #[test]
    fn one_instant_in_two_zones() {
        let cases = [
            // source | time | target | in the source | in the target | difference
            "UTC | 12:00 | UTC | 2026-11-22T12:00:00+00:00 | 2026-11-22T12:00:00+00:00 | +0.0h",
            "UTC | 9:5 | Asia/Tokyo | 2026-11-22T09:05:00+00:00 | 2026-11-22T18:05:00+09:00 | +9.0h",
            "Europe/Paris | 00:30 | America/Lima | 2026-11-22T00:30:00+01:00 | 2026-11-21T18:30:00-05:00 | -6.0h",
            "UTC | 12:00 | Asia/Kathmandu | 2026-11-22T12:00:00+00:00 | 2026-11-22T17:45:00+05:45 | +5.75h",
            "Asia/Kolkata | 12:00 | UTC | 2026-11-22T12:00:00+05:30 | 2026-11-22T06:30:00+00:00 | -5.5h",
        ];
        for row in cases {
            let [source, time, target, in_source, in_target, difference] =
                row.split(" | ").collect::<Vec<_>>().try_into().unwrap();
            let expected = [in_source, in_target, difference].map(str::to_owned);
            assert_eq!(convert(source, time, target, NOW), Ok(expected));
        }
    }

    #[test]
    fn the_day_is_that_of_the_source() {
        let cases = [
            // case | zone | time | now | in that zone
            "tomorrow already | Pacific/Kiritimati | 08:00 | 2026-11-22T15:00:00Z | 2026-11-23T08:00:00+14:00",
            "yesterday still | Pacific/Pago_Pago | 08:00 | 2026-11-22T05:00:00Z | 2026-11-21T08:00:00-11:00",
            "twice that day | America/New_York | 01:30 | 2026-11-01T12:00:00Z | 2026-11-01T01:30:00-04:00",
            "half an hour twice | Australia/Lord_Howe | 01:45 | 2026-04-04T20:00:00Z | 2026-04-05T01:45:00+11:00",
        ];
        for row in cases {
            let [case, zone, time, now, expected] = row.split(" | ").collect::<Vec<_>>().try_into().unwrap();
            let [in_source, ..] = convert(zone, time, "UTC", now).unwrap();
            assert_eq!(in_source, expected, "{case}");
        }
    }

    #[test]
    fn times_that_a_clock_change_skips_are_refused() {
        let cases = [
            ("Europe/Berlin", "02:30", "2026-03-29T12:00:00Z", "2026-03-29"),
            ("America/New_York", "2:00", "2026-03-08T12:00:00Z", "2026-03-08"),
            ("Australia/Lord_Howe", "02:15", "2026-10-03T20:00:00Z", "2026-10-04"),
        ];
        for (zone, time, now, date) in cases {
            let expected =
                format!("Invalid time: {time} does not exist in {zone} on {date} (skipped by a clock change)");
            assert_eq!(convert(zone, time, "UTC", now), Err(expected));
        }
    }

    #[test]
    fn other_forms_of_time_are_refused() {
        let expected = Err("Invalid time format. Expected HH:MM [24-hour format]".to_owned());
        for time in ["", ":", "12", "24:00", "12:60", "123:5", "12:", " 1:05", "1:05 ", "+1:05", "12:00:00", "noon"] {
            assert_eq!(convert("UTC", time, "UTC", NOW), expected, "{time:?}");
        }
    }
}
