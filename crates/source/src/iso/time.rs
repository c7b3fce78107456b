//! Times: local time with an offset from UTC in quarters of an hour, in two forms.

use crate::calendar::Moment;
use crate::field::byte;

/// A time that is in no calendar.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Odd;

/// The form of seven bytes, in nanoseconds since 1970 in UTC. `None` where no time is recorded.
pub(crate) fn short(raw: &[u8]) -> Result<Option<i128>, Odd> {
    if raw.iter().take(6).all(|byte| *byte == 0) {
        return Ok(None);
    }
    let field = |at| byte(raw, at).map(u32::from).ok_or(Odd);
    let moment = Moment {
        year: field(0)?.saturating_add(1900),
        month: field(1)?,
        day: field(2)?,
        hour: field(3)?,
        minute: field(4)?,
        second: field(5)?,
    };
    nanoseconds(&moment, 0, byte(raw, 6)).map(Some)
}

/// The form of sixteen digits and an offset. `None` where no time is recorded.
pub(crate) fn long(raw: &[u8]) -> Result<Option<i128>, Odd> {
    let digits = raw.get(..16).ok_or(Odd)?;
    if digits.iter().all(|digit| matches!(digit, b'0' | 0)) {
        return Ok(None);
    }
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(Odd);
    }
    let number = |from: usize, to: usize| {
        let digits = digits.get(from..to).unwrap_or_default();
        digits.iter().fold(0_u32, |sum, digit| sum.saturating_mul(10).saturating_add(u32::from(digit & 0xF)))
    };
    let moment = Moment {
        year: number(0, 4),
        month: number(4, 6),
        day: number(6, 8),
        hour: number(8, 10),
        minute: number(10, 12),
        second: number(12, 14),
    };
    nanoseconds(&moment, number(14, 16), byte(raw, 16)).map(Some)
}

fn nanoseconds(moment: &Moment, hundredths: u32, zone: Option<u8>) -> Result<i128, Odd> {
    let quarters = i128::from(zone.ok_or(Odd)?.cast_signed());
    if !(-48..=52).contains(&quarters) {
        return Err(Odd);
    }
    let local = i128::from(moment.seconds().ok_or(Odd)?);
    let seconds = local.saturating_sub(quarters.saturating_mul(900));
    Ok(seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(i128::from(hundredths).saturating_mul(10_000_000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms() {
        let second = |second: i128| Ok(Some(second * 1_000_000_000));
        assert_eq!(short(&[70, 1, 1, 0, 0, 0, 0]), second(0));
        assert_eq!(short(&[70, 1, 1, 2, 0, 0, 8]), second(0));
        assert_eq!(short(&[70, 1, 1, 0, 0, 0, 0xEC]), second(18_000));
        assert_eq!(short(&[0; 7]), Ok(None));
        assert_eq!(short(&[70, 13, 1, 0, 0, 0, 0]), Err(Odd));
        assert_eq!(short(&[70, 1, 1, 0, 0, 0, 100]), Err(Odd));
        assert_eq!(short(&[70, 1]), Err(Odd));
        assert_eq!(long(b"1970010100000150\0"), Ok(Some(1_500_000_000)));
        assert_eq!(long(b"0000000000000000\0"), Ok(None));
        assert_eq!(long(b"19700101x0000150\0"), Err(Odd));
        assert_eq!(long(b"1970010100000150"), Err(Odd));
    }
}
