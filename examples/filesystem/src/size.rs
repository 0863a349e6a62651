//! Sizes of files, for people.

const UNITS: [&str; 5] = ["B", "KB", "MB", "GB", "TB"];

/// Writes a size with two digits behind the point, halves rounded up: as `1.50 KB`.
pub(crate) fn formatted(bytes: u64) -> String {
    let unit = (bytes.max(1).ilog2() / 10).min(4);
    if unit == 0 {
        return format!("{bytes} B");
    }
    let one = 1u128 << (10 * unit);
    let hundredths = (u128::from(bytes) * 100 * 2 + one) / (one * 2);
    format!("{}.{:02} {}", hundredths / 100, hundredths % 100, UNITS[unit as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_unit_that_fits() {
        for (bytes, expected) in [
            (0, "0 B"),
            (1, "1 B"),
            (1023, "1023 B"),
            (1024, "1.00 KB"),
            (1152, "1.13 KB"),
            (1536, "1.50 KB"),
            (1_048_575, "1024.00 KB"),
            (1_048_576, "1.00 MB"),
            (5_000_000_000, "4.66 GB"),
            (1 << 50, "1024.00 TB"),
        ] {
            assert_eq!(formatted(bytes), expected);
        }
    }
}
