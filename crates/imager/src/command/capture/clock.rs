//! The clock while a capture runs: what a jump of it means for the record.
//!
//! No order rests on it: events are ordered by the chain of the log, batches by their numbers.

use std::time::Duration;

use chrono::TimeDelta;
use custody::LogFolder;
use evidence::acquisition::RunNumber;
use evidence::custody_log::folder;
use evidence::event::{Action, Event, Moment};
use evidence::order_time::{self, Moments};
use rustix::time::{ClockId, clock_gettime};
use scope::policy::{Authority, Hours};

use crate::console::{Console, Context as _, Failure};
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

/// Where the clock of the log went back from the event that announces `run` on, in the words of whoever checks the package.
fn went_back(events: &[Event], run: RunNumber) -> Vec<String> {
    let is_start =
        |event: &Event| matches!(&event.action, Action::AcquisitionStart(own) if own.package == run);
    let first = events.iter().position(is_start).unwrap_or(0);
    let pairs = (1_u64..).zip(events.iter().zip(events.iter().skip(1)));
    let back = pairs.filter(|(_, (before, event))| event.when.at() < before.when.at());
    let of_run = back.filter(|(index, _)| usize::try_from(*index).is_ok_and(|index| index >= first));
    of_run
        .map(|(index, _)| format!("{}: its clock shows an earlier time than the event before", folder(index)))
        .collect()
}

/// Says where it did so, but for what was `told`, each as a departure; returns all of it.
pub(super) fn tell_back(
    log: &LogFolder,
    run: RunNumber,
    told: Vec<String>,
    console: &mut Console<'_>,
) -> Result<Vec<String>, Failure> {
    let back = went_back(&log.events().context("custody log")?, run);
    for new in back.iter().filter(|new| !told.contains(new)) {
        console.say(format_args!("departure: {new}"));
    }
    Ok(back)
}

fn running() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    Duration::new(now.tv_sec.try_into().unwrap_or(0), now.tv_nsec.try_into().unwrap_or(0))
}

/// How long the order's hours go on from `now`, and how long it is until its last moment where that is within a day; nothing
/// of what has none, or is over.
pub(super) fn left_of(authority: &Authority, now: &Moment) -> Vec<String> {
    let in_words = |left: TimeDelta| {
        let minutes = left.num_minutes();
        format!("{} h {:02} min from now", minutes / 60, minutes % 60)
    };
    let hours = authority.hours;
    let left = matches!(hours, Hours::Daily { .. }).then(|| hours.left_at(now.at())).flatten();
    let hours = left.map(|left| format!("the order's hours, {hours}, go on for {}", in_words(left)));
    let last = authority.execute_by;
    let left = last - now.at();
    let near = left >= TimeDelta::zero() && left < TimeDelta::days(1);
    let last = near.then(|| format!("the order is to be executed by {last}, {}", in_words(left)));
    hours.into_iter().chain(last).collect()
}

/// What to say of work that went on past the order's hours or its last moment, as whoever checks the package finds it. Of a run that
/// was `resumed`, only its moments count: in between nobody was at work.
pub(super) fn overran(
    authority: &Authority,
    (began, ended): (&Moment, &Moment),
    resumed: bool,
) -> Vec<String> {
    // What it resumed at was compared with the order before anything was read, and is on the record.
    let (resumes, ended) = (Vec::new(), vec![ended]);
    order_time::departures(authority, &Moments { began, resumed: resumes, ended, broken_off: resumed })
}

/// Says so at once: nobody should learn of it from whoever checks the package.
pub(super) fn tell(overran: &[String], console: &mut Console<'_>) {
    for overran in overran {
        console
            .say(format_args!("warning: {overran}; whoever checks the package is told so, as a departure"));
    }
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
            let past = overran(&order(day), (&began, &ended), resumed);
            assert_eq!(!past.is_empty(), told, "{began} {ended}");
            assert!(overran(&order(Hours::Any), (&began, &ended), resumed).is_empty());
        };
        check("2026-05-04T08:00:00+01:00", "2026-05-04T17:59:59+01:00", false, false);
        check("2026-05-04T08:00:00+01:00", "2026-05-04T18:00:00+01:00", false, true);
        check("2026-05-04T08:00:00+01:00", "2026-05-05T09:00:00+01:00", false, true);
        check("2026-05-04T08:00:00+01:00", "2026-05-05T09:00:00+01:00", true, false);
        assert_eq!(
            left_of(&order(day), &at("2026-05-04T15:30:30Z")),
            ["the order's hours, 08:00-18:00 +01:00, go on for 1 h 29 min from now"]
        );
        assert!(left_of(&order(day), &at("2026-05-04T17:30:30Z")).is_empty());
        assert!(left_of(&order(Hours::Any), &at("2026-05-04T15:30:30Z")).is_empty());
    }

    #[test]
    fn work_past_the_last_moment_of_the_order_is_told_at_once() {
        let at = |text: &str| Moment::new(chrono::DateTime::parse_from_rfc3339(text).unwrap());
        let (order, began) = (order(Hours::Any), at("2026-05-31T22:00:00Z"));
        assert_eq!(
            left_of(&order, &began),
            ["the order is to be executed by 2026-06-01 00:00:00 +00:00, 2 h 00 min from now"]
        );
        assert!(left_of(&order, &at("2026-06-01T00:00:01Z")).is_empty());
        for resumed in [false, true] {
            assert!(overran(&order, (&began, &at("2026-06-01T00:00:00Z")), resumed).is_empty());
            assert_eq!(
                overran(&order, (&began, &at("2026-06-01T00:00:01Z")), resumed),
                [
                    "the acquisition ended at 2026-06-01T00:00:01Z, after execute_by 2026-06-01 00:00:00 +00:00"
                ]
            );
        }
    }

    /// An order that is to be executed by the first of June.
    fn order(hours: Hours) -> Authority {
        let at = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap();
        Authority {
            court: "District Court".to_owned(),
            docket: "1".to_owned(),
            instrument: "order".to_owned(),
            legal_basis: Vec::new(),
            issued: at("2026-05-01T00:00:00Z"),
            execute_by: at("2026-06-01T00:00:00Z"),
            hours,
            review_by: at("2026-12-01T00:00:00Z"),
            particulars: Vec::new(),
            conditions: Vec::new(),
        }
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
