//! How much a server may use.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::spec::Sourced;

const MIB: u64 = 1024 * 1024;

/// The budget of one server. What a call cannot get within it ends that call and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Limits {
    /// The memory of one instance, in bytes; what the host holds for it has bounds of its own.
    pub memory: Sourced<u64>,
    /// The wall time of one call, from its start on a guest thread. It bounds the CPU time as well.
    pub time: Sourced<Duration>,
    /// What one call may send to the client in all, in bytes.
    pub output: Sourced<u64>,
    /// How many calls run at the same time; further ones wait.
    pub concurrency: Sourced<usize>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: Sourced::default_of(128 * MIB),
            time: Sourced::default_of(Duration::from_secs(30)),
            output: Sourced::default_of(16 * MIB),
            concurrency: Sourced::default_of(64),
        }
    }
}

/// Why a text is no limit.
#[derive(Debug, thiserror::Error)]
pub enum InvalidLimit {
    /// It is no amount of memory between 64 KiB and 4 GiB.
    #[error("`{0}` is no amount of memory from 64KiB to 4GiB: write a whole number and B, KiB, MiB or GiB, as 64MiB")]
    Bytes(String),
    /// It is no time between 1 ms and 24 h.
    #[error("`{0}` is no time from 1ms to 24h: write a whole number and ms, s, m or h, as 30s")]
    Duration(String),
}

/// Reads an amount of memory, as `64MiB`.
///
/// # Errors
/// Where it has another form, or is less than 64 KiB (one page of a guest) or more than 4 GiB.
pub fn parse_bytes(text: &str) -> Result<u64, InvalidLimit> {
    let units = [("KiB", 1024), ("MiB", MIB), ("GiB", 1024 * MIB), ("B", 1)];
    number_and_unit(text, &units)
        .filter(|bytes| (64 * 1024..=4096 * MIB).contains(bytes))
        .ok_or_else(|| InvalidLimit::Bytes(text.to_owned()))
}

/// Reads a time, as `30s`.
///
/// # Errors
/// Where it has another form, or is less than 1 ms or more than 24 h.
pub fn parse_duration(text: &str) -> Result<Duration, InvalidLimit> {
    let units = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
    number_and_unit(text, &units)
        .filter(|millis| (1..=24 * 3_600_000).contains(millis))
        .map(Duration::from_millis)
        .ok_or_else(|| InvalidLimit::Duration(text.to_owned()))
}

fn number_and_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    digits.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_whole_numbers_with_a_unit() {
        assert_eq!(parse_bytes("64MiB").unwrap(), 64 * MIB);
        assert_eq!(parse_bytes("65536B").unwrap(), 65536);
        assert_eq!(parse_duration("250ms").unwrap(), Duration::from_millis(250));
        assert_eq!(parse_duration("2m").unwrap(), Duration::from_secs(120));
    }

    #[test]
    fn other_amounts_are_refused() {
        for text in ["", "64", "MiB", "-1MiB", "1.5GiB", "64MB", "64 MiB", "1B", "5GiB", "99999999999999999999GiB"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
        for text in ["", "30", "s", "0s", "-1s", "1.5s", "25h", "30sec", "99999999999999999999h"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
