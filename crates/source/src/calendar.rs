//! Dates written as year, month and day, as seconds since 1970.
//!
//! ```text
//! 1980-01-01 00:00:00      315532800
//! ```

/// A date and time of day.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Moment {
    pub(crate) year: u32,
    pub(crate) month: u32,
    pub(crate) day: u32,
    pub(crate) hour: u32,
    pub(crate) minute: u32,
    pub(crate) second: u32,
}

impl Moment {
    /// Seconds since 1970-01-01T00:00:00, without a zone. `None` where no calendar has such a moment.
    pub(crate) fn seconds(&self) -> Option<i64> {
        let leap =
            self.year.is_multiple_of(4) && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400));
        let days = match self.month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return None,
        };
        if self.day == 0 || self.day > days || self.hour > 23 || self.minute > 59 || self.second > 59 {
            return None;
        }
        // Years begin in March, so that the leap day is a year's last.
        let (year, month) = match self.month.checked_sub(3) {
            Some(month) => (self.year, month),
            None => (self.year.checked_sub(1)?, self.month.checked_add(9)?),
        };
        let before = month.checked_mul(153)?.checked_add(2)? / 5;
        let leaps = (year / 4).checked_sub(year / 100)?.checked_add(year / 400)?;
        let days = year.checked_mul(365)?.checked_add(leaps)?.checked_add(before)?.checked_add(self.day)?;
        let days = i64::from(days).checked_sub(DAYS_TO_1970)?;
        let time = self
            .hour
            .checked_mul(3600)?
            .checked_add(self.minute.checked_mul(60)?)?
            .checked_add(self.second)?;
        days.checked_mul(86400)?.checked_add(time.into())
    }
}

/// The number of the day 1970-01-01, counted as [`Moment::seconds`] counts.
const DAYS_TO_1970: i64 = 719_469;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        let check = |year, month, day, expect| {
            let moment = Moment { year, month, day, hour: 0, minute: 0, second: 0 };
            assert_eq!(moment.seconds(), expect, "{year}-{month}-{day}");
        };
        check(1970, 1, 1, Some(0));
        check(1980, 1, 1, Some(315_532_800));
        check(2000, 2, 29, Some(951_782_400));
        check(2000, 3, 1, Some(951_868_800));
        check(2107, 12, 31, Some(4_354_732_800));
        check(1900, 1, 1, Some(-2_208_988_800));
        check(1900, 2, 29, None);
        check(2001, 13, 1, None);
        check(2001, 0, 1, None);
        check(2001, 4, 31, None);
        check(2001, 4, 0, None);
    }
}
