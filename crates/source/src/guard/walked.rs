//! A walk, as it comes from the process that reads.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::ops::ControlFlow;

use scope::RawName;
use scope::facts::Kind;

use super::check;
use super::frame::{ask, tell};
use super::pool::{Deaths, Pool};
use super::process::{Ended, Process};
use super::words::{Event, Fault, WalkAsk};
use crate::walk::{Entry, Issue, SourceError, SourceInfo, WalkEvent, WalkOptions, WalkReport};

/// Walks the source `source`. A process that ends on the way costs the rest of the walk, and an issue.
///
/// What it had not sent by then is not lost: a second process walks again, sending each event at once, and tells what
/// comes after those that were had.
///
/// # Errors
///
/// As `Source::walk_with`; also where no process can be had.
pub(super) fn walk(
    pool: &Pool,
    deaths: &Deaths,
    source: usize,
    info: &SourceInfo,
    options: &WalkOptions<'_>,
    visit: &mut dyn FnMut(WalkEvent) -> ControlFlow<()>,
) -> Result<WalkReport, SourceError> {
    deaths.allow()?;
    let mut walk = Walk {
        info,
        options,
        visit,
        met: Met::default(),
        skip: 0,
        report: WalkReport::default(),
        broken: false,
    };
    let mut asked = WalkAsk {
        source,
        closes: options.closes,
        streams: options.streams,
        deleted: options.deleted,
        recovered: options.recovered,
        unallocated: options.unallocated,
        at_once: false,
    };
    let ended = match walk.once(pool, deaths, asked)? {
        Ok(done) => return walk.end(done),
        Err(ended) if walk.broken => return Ok(walk.cut(&ended, false)),
        Err(ended) => ended,
    };
    // A hang costs its time again, so that every item before it is on record.
    (walk.skip, walk.met.skipped) = (walk.met.events, Some(DefaultHasher::new()));
    asked.at_once = true;
    match walk.once(pool, deaths, asked) {
        Ok(Ok(done)) => walk.end(done),
        Ok(Err(ended)) => Ok(walk.cut(&ended, true)),
        Err(_) => Ok(walk.cut(&ended, true)),
    }
}

struct Walk<'a> {
    info: &'a SourceInfo,
    options: &'a WalkOptions<'a>,
    visit: &'a mut dyn FnMut(WalkEvent) -> ControlFlow<()>,
    met: Met,
    /// Events that were had before and come again.
    skip: u64,
    /// What was yielded so far.
    report: WalkReport,
    /// Whether `visit` ended the walk.
    broken: bool,
}

/// What was met, so that a second walk can be seen to be the same.
#[derive(Default)]
struct Met {
    events: u64,
    chain: DefaultHasher,
    skipped: Option<DefaultHasher>,
}

impl Walk<'_> {
    fn once(
        &mut self,
        pool: &Pool,
        deaths: &Deaths,
        asked: WalkAsk,
    ) -> Result<Result<Result<WalkReport, Fault>, Ended>, SourceError> {
        let asked =
            serde_json::to_vec(&asked).map_err(|error| SourceError::Io("asking for a walk", error.into()))?;
        let mut process = pool.take()?;
        let told = process.ask(ask::WALK, &asked).and_then(|()| self.follow(&mut process));
        match &told {
            Ok(_) => pool.give(process),
            Err(ended) => deaths.note(ended),
        }
        Ok(told)
    }

    fn follow(&mut self, process: &mut Process) -> Result<Result<WalkReport, Fault>, Ended> {
        let mut questions = 0_u64;
        loop {
            let (kind, holds) = process.frame()?;
            match kind {
                tell::EVENTS if self.broken => {}
                tell::EVENTS => {
                    let events: Vec<Event> = serde_json::from_slice(&holds).unwrap_or_default();
                    if events.is_empty() {
                        return Err(process.broke("it tells of events that are none"));
                    }
                    for event in events {
                        self.event(event).map_err(|what| process.broke(what))?;
                    }
                    if self.broken {
                        process.ask(ask::CANCEL, &[])?;
                        process.stopping = true;
                    }
                }
                tell::CLOSED if self.options.closes && questions < MAX_EVENTS => {
                    questions = questions.saturating_add(1);
                    if !self.broken {
                        let closed = (self.options.closed)(&RawName(holds));
                        process.ask(ask::ANSWER, &[u8::from(closed)])?;
                    }
                }
                tell::REPORT => {
                    let report = serde_json::from_slice(&holds);
                    return report.map(Ok).map_err(|_| process.broke("it tells of a report that is none"));
                }
                tell::FAULT => {
                    let fault = serde_json::from_slice(&holds);
                    return fault.map(Err).map_err(|_| process.broke("it tells of a fault that is none"));
                }
                _ => return Err(process.broke("it was asked for a walk and told something else")),
            }
        }
    }

    /// The item, if it is of a kind that this walk is to yield.
    fn asked_for(&self, entry: Entry) -> Result<Entry, &'static str> {
        let asked = match entry.facts.kind {
            Kind::Deleted => self.options.deleted,
            Kind::Recovered => self.options.recovered,
            Kind::Unallocated => self.options.unallocated,
            _ => true,
        };
        if asked { Ok(entry) } else { Err("it tells of an item of a kind that was not asked for") }
    }

    /// Checks an event and passes it on, once.
    fn event(&mut self, event: Event) -> Result<(), &'static str> {
        if self.broken {
            return Ok(());
        }
        let event = match event {
            Event::Item(item) => WalkEvent::Item(self.asked_for(check::item(item, self.info)?)?),
            Event::Issue(issue) => WalkEvent::Issue(check::issue(issue, self.info)?),
        };
        if self.skip > 0 {
            self.skip = self.skip.saturating_sub(1);
            let Some(skipped) = &mut self.met.skipped else { return Ok(()) };
            chain(skipped, &event);
            if self.skip == 0 && skipped.finish() != self.met.chain.finish() {
                return Err("a second walk does not find what the first one found");
            }
            return Ok(());
        }
        chain(&mut self.met.chain, &event);
        self.met.events = self.met.events.saturating_add(1);
        if self.met.events > MAX_EVENTS {
            return Err("it tells of more items than a volume can have");
        }
        let report = &mut self.report;
        match &event {
            WalkEvent::Item(entry) => {
                report.items = report.items.saturating_add(1);
                report.names = report.names.saturating_add(crate::bytes::length(entry.facts.names.len()));
            }
            WalkEvent::Issue(_) => report.issues = report.issues.saturating_add(1),
        }
        self.broken = (self.visit)(event).is_break();
        Ok(())
    }

    /// The report of a walk that came to its end: what was yielded is counted here.
    fn end(self, done: Result<WalkReport, Fault>) -> Result<WalkReport, SourceError> {
        let mut told = done.map_err(Fault::source)?;
        for (what, _, _) in &mut told.coverage {
            *what = super::words::plain(what);
        }
        told.limits.truncate(MAX_LIMITS);
        told.limits.iter_mut().for_each(|limit| *limit = super::words::plain(limit));
        let WalkReport { items, issues, .. } = self.report;
        Ok(WalkReport { items, issues, complete: told.complete && !self.broken && self.skip == 0, ..told })
    }

    /// The report of a walk whose process ended.
    fn cut(mut self, ended: &Ended, tell: bool) -> WalkReport {
        if tell {
            let what = format!(
                "the process that reads this volume {ended}; the items met so far are recorded, the others are not"
            );
            self.report.issues = self.report.issues.saturating_add(1);
            // The walk is over in any case.
            let _ = (self.visit)(WalkEvent::Issue(Issue { locator: None, what }));
        }
        self.report
    }
}

/// Adds an event to the chain of those met.
fn chain(chain: &mut DefaultHasher, event: &WalkEvent) {
    match event {
        WalkEvent::Item(entry) => (entry.locator.as_str(), &entry.facts).hash(chain),
        WalkEvent::Issue(issue) => (&issue.locator, issue.what.as_str()).hash(chain),
    }
}

/// Most sentences about what a walk leaves out: a reader has a handful.
const MAX_LIMITS: usize = 1000;
/// Most items and issues of one volume, and most questions: more than any file system of this day holds.
const MAX_EVENTS: u64 = 1 << 36;
