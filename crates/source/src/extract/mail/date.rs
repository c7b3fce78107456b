//! The date of a message: RFC 5322, section 3.3, with the zones and years of section 4.3.
//!
//! ```text
//! Mon, 3 Feb 2025 09:30:00 +0100 (CET)      2025-02-03T08:30:00Z
//! 3 Feb 25 09:30 EST                        2025-02-03T14:30:00Z
//! Mon, 3 Feb 2025 09:30:00                  local, of no zone
//! ```

use scope::mail::MailDate;

use crate::calendar::Moment;

const MONTHS: [&[u8]; 12] =
    [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
const DAYS: [&[u8]; 7] = [b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun"];
/// Zones with a meaning, in hours.
const ZONES: [(&[u8], i64); 11] = [
    (b"ut", 0),
    (b"gmt", 0),
    (b"z", 0),
    (b"est", -5),
    (b"edt", -4),
    (b"cst", -6),
    (b"cdt", -5),
    (b"mst", -7),
    (b"mdt", -6),
    (b"pst", -8),
    (b"pdt", -7),
];

/// Reads a date; `None` where it is none.
pub(super) fn read(value: &[u8]) -> Option<MailDate> {
    let words = words(value)?;
    let mut words = words.iter().map(Vec::as_slice);
    let mut next = words.next()?;
    let day_of_week = DAYS.iter().position(|own| *own == next);
    if day_of_week.is_some() {
        next = words.next()?;
        if next == b"," {
            next = words.next()?;
        }
    }
    let day = number(next, 1..=2)?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|own| *own == month)?.checked_add(1)?;
    let year = words.next()?;
    let year = match (number(year, 2..=5)?, year.len()) {
        (year @ 0..50, 2) => year.checked_add(2000)?,
        (year, 2 | 3) => year.checked_add(1900)?,
        (year, _) => year,
    };
    let hour = number(words.next()?, 2..=2).filter(|hour| *hour < 24)?;
    let minute = (words.next()? == b":").then(|| words.next())?.and_then(|word| number(word, 2..=2));
    let minute = minute.filter(|minute| *minute < 60)?;
    let mut next = words.next();
    let mut second = 0;
    if next == Some(b":") {
        second = number(words.next()?, 2..=2).filter(|second| *second <= 60)?;
        next = words.next();
    }
    let [year, day, hour, minute] = [year, day, hour, minute].map(|number| u32::try_from(number).ok());
    let moment = Moment {
        year: year?,
        month: u32::try_from(month).ok()?,
        day: day?,
        hour: hour?,
        minute: minute?,
        second: 0,
    };
    let local = moment.seconds()?;
    // 1970-01-01 was a Thursday. A day of the week that is not that of the date: one of the two is wrong.
    let weekday = usize::try_from(local.div_euclid(86_400).checked_add(3)?.rem_euclid(7)).ok()?;
    if day_of_week.is_some_and(|named| named != weekday) {
        return None;
    }
    let local = local.checked_add(second)?;
    let Some(zone) = next else { return Some(MailDate::Local(local)) };
    let found = match zone.split_first()? {
        (sign @ (b'+' | b'-'), digits) if digits.len() == 4 => {
            let digits = number(digits, 4..=4)?;
            let (hours, minutes) = (digits.checked_div(100)?, digits.checked_rem(100)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = hours.checked_mul(3600)?.checked_add(minutes.checked_mul(60)?)?;
            let offset = if *sign == b'+' { offset } else { offset.checked_neg()? };
            MailDate::Utc(local.checked_sub(offset)?)
        }
        _ if !zone.iter().all(u8::is_ascii_alphabetic) => return None,
        _ => match ZONES.iter().find(|(name, _)| *name == zone) {
            Some((_, hours)) => MailDate::Utc(local.checked_sub(hours.checked_mul(3600)?)?),
            // Names of zones mean different hours to different people.
            None => MailDate::Local(local),
        },
    };
    words.next().is_none().then_some(found)
}

/// Words, commas and colons, in small letters; `None` where there is anything else. Comments are passed over.
fn words(value: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut found: Vec<Vec<u8>> = Vec::new();
    let (mut depth, mut open) = (0_usize, false);
    let mut bytes = value.iter();
    while let Some(&byte) = bytes.next() {
        match (byte, depth) {
            (b'(', _) => (depth, open) = (depth.checked_add(1)?, false),
            (b')', 1..) => depth = depth.saturating_sub(1),
            (b'\\', 1..) => {
                bytes.next();
            }
            (_, 1..) => {}
            (b' ' | b'\t', 0) => open = false,
            (b',' | b':', 0) => {
                found.push(vec![byte]);
                open = false;
            }
            (b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-', 0) => {
                let byte = byte.to_ascii_lowercase();
                match found.last_mut().filter(|_| open) {
                    Some(word) => word.push(byte),
                    None => found.push(vec![byte]),
                }
                open = true;
            }
            _ => return None,
        }
        if found.len() > MAX_WORDS {
            return None;
        }
    }
    (depth == 0).then_some(found)
}

fn number(word: &[u8], digits: std::ops::RangeInclusive<usize>) -> Option<i64> {
    if !digits.contains(&word.len()) || !word.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// A date has eleven.
const MAX_WORDS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: Option<MailDate>) {
        assert_eq!(read(value.as_bytes()), expected, "{value}");
    }

    #[test]
    fn dates_with_a_zone() {
        for (value, seconds) in [
            ("Mon, 3 Feb 2025 09:30:00 +0100", 1_738_571_400),
            (" Mon, 03 Feb 2025 09:30:00 +0100 (CET)", 1_738_571_400),
            ("3 Feb 2025 09:30 +0100", 1_738_571_400),
            ("MON,3 FEB 2025 08:30:00 GMT", 1_738_571_400),
            ("Mon 3 Feb 2025 03:30:00 est", 1_738_571_400),
            ("3 Feb 25 08:30:00 -0000", 1_738_571_400),
            ("3 Feb (a (nested) one) 2025 08 : 30 : 00 Z", 1_738_571_400),
            ("1 Jan 1970 00:00:00 +0000", 0),
            ("31 Dec 69 23:59:59 +0000", -1),
            ("1 Jan 100 00:00:00 +0000", 946_684_800),
            ("29 Feb 2024 23:59:60 +0000", 1_709_251_200),
        ] {
            check(value, Some(MailDate::Utc(seconds)));
        }
    }

    #[test]
    fn dates_of_no_zone_are_local() {
        for value in [
            "Mon, 3 Feb 2025 08:30:00",
            "3 Feb 2025 08:30",
            "3 Feb 2025 08:30:00 CET",
            "3 Feb 2025 08:30:00 A",
        ] {
            check(value, Some(MailDate::Local(1_738_571_400)));
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for value in [
            "",
            "yesterday",
            "2025-02-03T08:30:00Z",
            "Tue, 3 Feb 2025 09:30:00 +0100",
            "30 Feb 2025 09:30 +0100",
            "3 Feb 2025 24:00 +0100",
            "3 Feb 2025 9:30 +0100",
            "3 Feb 2025 09:60 +0100",
            "3 Feb 2025 09:30:61 +0100",
            "3 Feb 2025 09:30:00 +2400",
            "3 Feb 2025 09:30:00 +0160",
            "3 Feb 2025 09:30:00 +0100 x",
            "3 Feb 2025 09:30:00 +01:00",
            "3 February 2025 09:30 +0100",
            "3 Feb 2025",
            "3 Feb 999999 09:30 +0000",
            "3 Feb 2025 09:30:00 (open",
            "3 Feb 2025 09:30:00 \u{2013}0100",
            "0 Feb 2025 09:30 +0100",
        ] {
            check(value, None);
        }
        assert_eq!(read(&[b'('; 100_000]), None);
        assert_eq!(read(&b"1 ".repeat(50_000)), None);
    }
}
