//! One instant as people in one zone read it.

use jiff::{
    Timestamp,
    civil::Weekday,
    tz::{Dst, Offset},
};
use serde::Serialize;

use crate::zone::Zone;

/// An instant on the clocks of a zone; the structured output of `get_current_time`.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Moment {
    timezone: &'static str,
    datetime: String,
    day_of_week: &'static str,
    is_dst: bool,
}

impl Moment {
    /// Reads the clocks of `zone` at `instant`, in whole seconds.
    pub(crate) fn new(zone: &Zone, instant: Timestamp) -> Self {
        let info = zone.rules.to_offset_info(instant);
        let seconds = Timestamp::from_second(instant.as_second()).unwrap_or(instant);
        let local = info.offset().to_datetime(seconds);
        Self {
            timezone: zone.name,
            datetime: format!("{local}{}", iso_offset(info.offset())),
            day_of_week: english(local.weekday()),
            is_dst: is_dst(zone, info.dst()),
        }
    }
}

/// Whether clocks are off their standard time. Irish standard time is that of summer, and the reference says so; the
/// database compiled in ("rearguard" form) has it the other way round. No other zone differs today.
fn is_dst(zone: &Zone, dst: Dst) -> bool {
    let inverted = matches!(zone.name, "Europe/Dublin" | "Eire");
    (dst == Dst::Yes) != inverted
}

/// Writes an offset as ISO 8601 does, with seconds only where it has some.
fn iso_offset(offset: Offset) -> String {
    let sign = if offset.is_negative() { '-' } else { '+' };
    let total = offset.seconds().unsigned_abs();
    let (hours, minutes, seconds) = (total / 3600, total / 60 % 60, total % 60);
    match seconds {
        0 => format!("{sign}{hours:02}:{minutes:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"),
    }
}

fn english(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_of_many_zones() {
        let cases = [
            // case | zone | instant | reading
            "no offset | UTC | 2026-11-22T15:39:46Z | 2026-11-22T15:39:46+00:00 Sunday",
            "parts of a second | UTC | 2026-11-22T15:39:46.999Z | 2026-11-22T15:39:46+00:00 Sunday",
            "quarter of an hour | Asia/Kathmandu | 2026-11-22T15:39:46Z | 2026-11-22T21:24:46+05:45 Sunday",
            "name says the opposite | Etc/GMT+5 | 2026-11-22T02:00:00Z | 2026-11-21T21:00:00-05:00 Saturday",
            "summer | Europe/Berlin | 2026-07-01T12:00:00Z | 2026-07-01T14:00:00+02:00 Wednesday dst",
            "half an hour | Australia/Lord_Howe | 2026-01-15T00:00:00Z | 2026-01-15T11:00:00+11:00 Thursday dst",
            "its winter | Australia/Lord_Howe | 2026-07-15T00:00:00Z | 2026-07-15T10:30:00+10:30 Wednesday",
            "summer is standard | Europe/Dublin | 2026-07-15T00:00:00Z | 2026-07-15T01:00:00+01:00 Wednesday",
            "winter is the exception | Europe/Dublin | 2026-01-15T00:00:00Z | 2026-01-15T00:00:00+00:00 Thursday dst",
            "offset with seconds | Europe/Amsterdam | 1890-01-01T00:00:00Z | 1890-01-01T00:17:30+00:17:30 Wednesday",
            "behind, with seconds | America/New_York | 1880-01-01T12:00:00Z | 1880-01-01T07:03:58-04:56:02 Thursday",
        ];
        for row in cases {
            let [case, zone, instant, reading] = row.split(" | ").collect::<Vec<_>>().try_into().unwrap();
            let moment = Moment::new(&Zone::find(zone).unwrap(), instant.parse().unwrap());
            let dst = if moment.is_dst { " dst" } else { "" };
            assert_eq!(format!("{} {}{dst}", moment.datetime, moment.day_of_week), reading, "{case}");
        }
    }
}
