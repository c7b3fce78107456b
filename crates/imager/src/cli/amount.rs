//! Numbers of bytes, as people type them.

use std::num::NonZeroU64;

/// Reads a number of bytes: digits, and after them `k`, `M`, `G` or `T` (powers of 1000) or `Ki`, `Mi`, `Gi`, `Ti` (of 1024).
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let said = "give a number of bytes, such as 4000000, 4M (million) or 4Mi (times 1024 twice)";
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).ok_or(said)?;
    let (base, power) = match unit {
        "" => (1, 0),
        "k" | "K" => (1000, 1),
        "M" => (1000, 2),
        "G" => (1000, 3),
        "T" => (1000, 4),
        "Ki" => (1024, 1),
        "Mi" => (1024, 2),
        "Gi" => (1024, 3),
        "Ti" => (1024, 4),
        _ => return Err(said.to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| said)?;
    number.checked_mul(u64::pow(base, power)).ok_or_else(|| "that is more than 16 EiB".to_owned())
}

/// As [`bytes`], for a rate.
pub(super) fn rate(text: &str) -> Result<NonZeroU64, String> {
    NonZeroU64::new(bytes(text)?).ok_or_else(|| "with 0 nothing would ever be read".to_owned())
}

/// As [`bytes`], for the size of a part.
pub(super) fn part(text: &str) -> Result<u64, String> {
    match bytes(text)? {
        size if size >= 4096 => Ok(size),
        size => Err(format!("{size} is less than 4096 bytes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_units_or_none() {
        for (text, amount) in
            [("0", 0), ("4000000", 4_000_000), ("4M", 4_000_000), ("4Mi", 4 << 20), ("2G", 2_000_000_000)]
        {
            assert_eq!(bytes(text), Ok(amount), "{text}");
        }
        for text in
            ["", "M", "4m", "4 M", "-1", "4.5G", "4MB", "+4", "99999999999999999999", "20000000T", "\u{664}"]
        {
            assert!(bytes(text).is_err(), "{text}");
        }
        assert!(rate("0").is_err() && part("4095").is_err());
        assert_eq!(part("4k"), Err("4000 is less than 4096 bytes".to_owned()));
    }
}
