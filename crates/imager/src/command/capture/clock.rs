//! The clock while a capture runs: what a jump of it means for the record.
//!
//! No order rests on it: events are ordered by the chain of the log, batches by their numbers.

use std::time::Duration;

use evidence::event::Moment;
use rustix::time::{ClockId, clock_gettime};
use scope::policy::Hours;

use crate::workplace;

/// A moment by the clock, and by what has passed since the machine was started, asleep or not: nobody sets that.
pub(super) struct Watch {
    when: Moment,
    running: Duration,
}

impl Watch {
    pub(super) fn start() -> Self {
        Self { when: workplace::now(), running: running() }
    }

    /// What to say where the clock shows an earlier time at the end than when the run began, or was set meanwhile.
    pub(super) fn moved(&self, began: &Moment, ended: &Moment) -> Option<String> {
        moved(began, &self.when, ended, running().saturating_sub(self.running))
    }
}

/// `began`: of the run; `from`: of this process, `passed` before `ended`.
fn moved(began: &Moment, from: &Moment, ended: &Moment, passed: Duration) -> Option<String> {
    let shown = (ended.at() - from.at()).num_milliseconds();
    let ahead = shown.saturating_sub(i64::try_from(passed.as_millis()).unwrap_or(i64::MAX)) / 1000;
    if ended.at() < began.at() {
        return Some(format!(
            "the clock went back while the capture ran: it began at {began} and ended at {ended}, by that clock"
        ));
    }
    (ahead.unsigned_abs() >= TOLD).then(|| {
        let way = if ahead > 0 { "forward" } else { "back" };
        format!("the clock was set {way} by {} seconds while the capture ran", ahead.unsigned_abs())
    })
}

fn running() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    Duration::new(now.tv_sec.try_into().unwrap_or(0), now.tv_nsec.try_into().unwrap_or(0))
}

/// How long the order's hours go on from `now`; nothing where it has none, or `now` lies outside of them.
pub(super) fn left_of(hours: Hours, now: &Moment) -> Option<String> {
    let (Hours::Daily { .. }, Some(left)) = (hours, hours.left_at(now.at())) else { return None };
    let minutes = left.num_minutes();
    Some(format!("the order's hours, {hours}, go on for {} h {:02} min from now", minutes / 60, minutes % 60))
}

/// What to say of work that went on past the order's hours, as whoever checks the package finds it. Of a run that was broken off,
/// only its moments count: in between nobody was at work.
pub(super) fn overran(hours: Hours, (began, ended): (&Moment, &Moment), resumed: bool) -> Option<String> {
    let within = hours.holds(ended.at()) && (resumed || hours.hold_all(began.at(), ended.at()));
    (!within).then(|| format!("the work went on until {ended}, past the order's hours, {hours}"))
}

/// Seconds by which a clock may be corrected without a word: a time service does more than that only after a jump.
const TOLD: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_past_the_hours_is_told_at_once() {
        let at = |text: &str| Moment::new(chrono::DateTime::parse_from_rfc3339(text).unwrap());
        let day = Hours::Daily {
            from: 8 * 60,
            until: 18 * 60,
            offset: chrono::FixedOffset::east_opt(3600).unwrap(),
        };
        let check = |began: &str, ended: &str, resumed: bool, told: bool| {
            let (began, ended) = (at(began), at(ended));
            assert_eq!(overran(day, (&began, &ended), resumed).is_some(), told, "{began} {ended}");
            assert_eq!(overran(Hours::Any, (&began, &ended), resumed), None);
        };
        check("2026-05-04T08:00:00+01:00", "2026-05-04T17:59:59+01:00", false, false);
        check("2026-05-04T08:00:00+01:00", "2026-05-04T18:00:00+01:00", false, true);
        check("2026-05-04T08:00:00+01:00", "2026-05-05T09:00:00+01:00", false, true);
        check("2026-05-04T08:00:00+01:00", "2026-05-05T09:00:00+01:00", true, false);
        assert_eq!(
            left_of(day, &at("2026-05-04T15:30:30Z")).unwrap(),
            "the order's hours, 08:00-18:00 +01:00, go on for 1 h 29 min from now"
        );
        assert_eq!(left_of(day, &at("2026-05-04T17:30:30Z")), None);
        assert_eq!(left_of(Hours::Any, &at("2026-05-04T15:30:30Z")), None);
    }

    #[test]
    fn a_jump_is_told_and_a_correction_is_not() {
        let at = |second: u32| {
            let text = format!("2026-05-04T10:00:{second:02}+02:00");
            Moment::new(chrono::DateTime::parse_from_rfc3339(&text).unwrap())
        };
        let check = |from: u32, ended: u32, passed: u64, told: Option<&str>| {
            let told_now = moved(&at(10), &at(from), &at(ended), Duration::from_secs(passed));
            match (&told_now, told) {
                (None, None) => {}
                (Some(text), Some(words)) => assert!(text.contains(words), "{text}"),
                _ => panic!("{told_now:?}, expected {told:?}"),
            }
        };
        check(10, 20, 10, None);
        check(10, 20, 6, None);
        check(10, 40, 10, Some("set forward by 20 seconds"));
        check(20, 30, 25, Some("set back by 15 seconds"));
        check(10, 9, 5, Some("went back"));
        check(20, 9, 5, Some("went back"));
    }
}
