//! The hours of the day in which an order allows work on site.

use std::fmt;

use chrono::{DateTime, FixedOffset, TimeDelta, Timelike};

/// `authority.hours`: `any`, or `06:00-22:00 -05:00`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hours {
    /// At any hour.
    Any,
    /// From minute to minute of the local day, half-open; past midnight where `until` is the smaller.
    Daily {
        /// First minute of the day, from 0 to 1439.
        from: u32,
        /// Minute of the day after the last, from 0 to 1440.
        until: u32,
        /// What local means.
        offset: FixedOffset,
    },
}

impl Hours {
    /// Whether this moment lies in the hours.
    pub fn holds(self, at: DateTime<FixedOffset>) -> bool {
        self.left_at(at).is_some()
    }

    /// Whether work that went on from one moment to another lay in the hours of one and the same day.
    pub fn hold_all(self, began: DateTime<FixedOffset>, ended: DateTime<FixedOffset>) -> bool {
        match (self, self.left_at(began)) {
            (Self::Any, _) => true,
            (_, Some(left)) => ended.signed_duration_since(began) < left,
            (_, None) => false,
        }
    }

    /// How long the hours go on from this moment; nothing where it lies outside. For `Any` a day, which says nothing.
    #[must_use]
    pub fn left_at(self, at: DateTime<FixedOffset>) -> Option<TimeDelta> {
        const DAY: i64 = 24 * 60 * 60;
        let Self::Daily { from, until, offset } = self else { return Some(TimeDelta::days(1)) };
        let local = at.with_timezone(&offset);
        let since = (i64::from(local.num_seconds_from_midnight()) - i64::from(from) * 60).rem_euclid(DAY);
        // `from` is never `until`; from 00:00 until 24:00 is the whole day.
        let length = match (i64::from(until) - i64::from(from)).rem_euclid(24 * 60) {
            0 => DAY,
            minutes => minutes * 60,
        };
        (since < length).then(|| TimeDelta::seconds(length - since))
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Daily { from, until, offset } => {
                write!(f, "{:02}:{:02}-{:02}:{:02} {offset}", from / 60, from % 60, until / 60, until % 60)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]

    use super::*;

    #[test]
    fn hours_are_half_open_and_may_pass_midnight() {
        let zone = FixedOffset::west_opt(5 * 3600).unwrap();
        let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap();
        let day = Hours::Daily { from: 6 * 60, until: 22 * 60, offset: zone };
        let night = Hours::Daily { from: 22 * 60, until: 6 * 60, offset: zone };
        let whole = Hours::Daily { from: 0, until: 24 * 60, offset: zone };
        for (moment, by_day) in [
            ("2026-03-01T06:00:00-05:00", true),
            ("2026-03-01T05:59:59-05:00", false),
            ("2026-03-01T21:59:59-05:00", true),
            ("2026-03-01T22:00:00-05:00", false),
            ("2026-03-01T23:30:00Z", true),
            ("2026-03-01T03:30:00Z", false),
        ] {
            let moment = at(moment);
            assert_eq!((day.holds(moment), night.holds(moment)), (by_day, !by_day), "{moment}");
            assert!(whole.holds(moment) && Hours::Any.holds(moment));
        }
        let evening = at("2026-03-01T21:00:00-05:00");
        assert!(day.hold_all(evening, at("2026-03-01T21:59:59-05:00")));
        assert!(!day.hold_all(evening, at("2026-03-01T22:00:00-05:00")));
        assert!(!day.hold_all(evening, at("2026-03-02T07:00:00-05:00")), "through a night");
        assert!(night.hold_all(at("2026-03-01T23:00:00-05:00"), at("2026-03-02T05:00:00-05:00")));
        assert!(Hours::Any.hold_all(evening, at("2027-03-02T07:00:00-05:00")));
    }
}
