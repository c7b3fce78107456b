//! Whether a run kept to the order's hours and to its last moment: one answer, for whoever captures and for whoever checks.
//!
//! A run knows few moments: its events on the log, and the end that its statement has. That it worked between two of them is
//! concluded where nobody broke it off.

use scope::policy::Authority;

use crate::event::Moment;

/// The moments of a run.
#[derive(Clone, Debug)]
pub struct Moments<'a> {
    /// When it began.
    pub began: &'a Moment,
    /// When it went on after a break, each time that is known.
    pub resumed: Vec<&'a Moment>,
    /// When it ended, by whatever says so.
    pub ended: Vec<&'a Moment>,
    /// Whether it was broken off: then nobody was at work in between.
    pub broken_off: bool,
}

/// What departs from the order, in sentences: that it ended after the last moment; that it was at work outside of the hours.
#[must_use]
pub fn departures(authority: &Authority, run: &Moments<'_>) -> Vec<String> {
    let (hours, deadline) = (authority.hours, authority.execute_by);
    let all =
        || std::iter::once(run.began).chain(run.resumed.iter().copied()).chain(run.ended.iter().copied());
    // Whichever of them is last: each was written by the same clock, for another purpose.
    let ended = std::iter::once(run.began).chain(run.ended.iter().copied()).max_by_key(|when| when.at());
    let late = ended.filter(|last| last.at() > deadline);
    let late = late.map(|last| format!("the acquisition ended at {last}, after execute_by {deadline}"));
    let last = all().max_by_key(|when| when.at()).unwrap_or(run.began);
    let outside = match all().find(|when| !hours.holds(when.at())) {
        Some(when) => {
            Some(format!("the acquisition was at work at {when}, outside of the order's hours, {hours}"))
        }
        None => (!run.broken_off && !hours.hold_all(run.began.at(), last.at())).then(|| {
            format!(
                "the acquisition went on from {} to {last}, through hours that are not the order's, {hours}",
                run.began
            )
        }),
    };
    late.into_iter().chain(outside).collect()
}
