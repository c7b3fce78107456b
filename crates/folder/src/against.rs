//! The audit of a package, and of the original against it.

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::PathBuf;

use evidence::acquisition::{Acquisition, Extent, LayerState as Stated, LayerStatement, Wanting};
use evidence::files::{self, Files};
use evidence::item::Record;
use evidence::replay::{Objects, Original, Reexamination, Unread, Unsaid};
use evidence::report::{Answer, Compared, Report};
use evidence::verify::{Verified, VerifyOptions, audit_with, policy_of};
use examine::{Event, Examined, Examiner, Options, every_item, slack_wanted};
use scope::Outcome;
use scope::facts::{Failure, Kind};
use scope::policy::LeftRecord;
use source::{Entry, EvidenceStream, LayerState, OpenOptions, Opened, PastGaps, Source, WalkReport};

use crate::drives::{DRIVE_SHA256, drive_digests};
use crate::{Counted, Counting, Counts};

const ACQUISITION: &str = "meta/acquisition.json";

/// Most bytes of `meta/acquisition.json`. The audit has read it before, by a limit of its own.
const MAX_ACQUISITION: u64 = 1 << 30;

/// Audits a package, then examines `medium` again under the package's policy and compares the two: facts, the
/// content of every preserved object, what the medium shows of itself.
///
/// MATCHED is answered only where FOLLOWED is: a record that was not shown to be signed proves nothing. It is
/// confirmed only where the walk came to its end and every preserved object could be compared.
///
/// # Errors
///
/// In words: the medium cannot be opened, or not walked to its end.
pub fn audit_against(
    files: &dyn Files,
    trust: &[u8],
    options: &VerifyOptions,
    medium: &[PathBuf],
    open: &OpenOptions,
) -> Result<Report, String> {
    audit_against_with(files, trust, options, (medium, open), &Counts::default(), |_| ())
        .map(|verified| verified.report)
}

/// As [`audit_against`], counts what it does, hands every record to `each`, and hands over what was judged.
///
/// # Errors
///
/// As [`audit_against`].
pub fn audit_against_with(
    files: &dyn Files,
    trust: &[u8],
    options: &VerifyOptions,
    (medium, open): (&[PathBuf], &OpenOptions),
    counts: &Counts,
    mut each: impl FnMut(&Record),
) -> Result<Verified, String> {
    let mut reexamination = Reexamination::new();
    let mut verified = audit_with(files, trust, options, |record| {
        // A record that cannot be read is a finding of the replay already.
        drop(reexamination.record(record));
        each(record);
    });
    let report = &mut verified.report;
    report.asked_matched = true;
    if report.followed == Answer::NotChecked {
        report.limits.push("the original was not examined again: the ledger was not replayed".to_owned());
        return Ok(verified);
    }
    let policy = policy_of(files)?;
    let stated =
        files::read(files, ACQUISITION, MAX_ACQUISITION).map_err(|e| format!("{ACQUISITION}: {e}"))?;
    let stated = Acquisition::from_bytes(&stated).map_err(|error| format!("{ACQUISITION}: {error}"))?;
    let mut opened = source::open_set(medium, open).map_err(|error| error.to_string())?;
    if let Some(named) = stated.file_systems(policy.target()) {
        limit_to(&mut opened, &named);
    }
    let mut limits = opened.medium.limits.clone();
    let ids = ids_of(&stated, &opened, (medium, open), counts, &mut limits);
    let found = layers(&opened);
    // Names on a medium of somebody else are nobody's to see: first of all, whether it is the one.
    if let Some(why) =
        Reexamination::other_medium(&stated.medium, &stated.layers, opened.medium.size, &ids, &found)
    {
        report.limits.push(
            "examined again: the identity alone was compared; give the original, or a true copy".to_owned(),
        );
        report.matched = Answer::No;
        report.other_medium = Some(why.clone());
        report.findings.push(Reexamination::of_another(&why).into());
        return Ok(verified);
    }
    if reexamination.medium(&stated.medium, opened.medium.size, &ids) == 0 {
        limits.push("the medium shows no identity of a kind that the acquisition states".to_owned());
    }
    let extras =
        Options { md5: reexamination.has_md5(), sha1: reexamination.has_sha1(), ..Options::default() };
    let examiner = Examiner::new(&policy, extras).reading(&open.reader);
    let counts_alone = policy.record().left == LeftRecord::Counts;
    let mut whole = true;
    reexamination.layers(&stated.layers, &found);
    reexamination.wanting(&stated.walk);
    if verified.stopped_at_limit {
        reexamination.stopped_at(*policy.limits());
    }
    let volumes = opened.unread_sources();
    let sources = match stated.extent {
        Extent::Files => &opened.sources,
        Extent::Volumes => &volumes,
    };
    for source in sources {
        let walk = every_item(&examiner, source.as_ref(), &mut |event| {
            if let Event::Item(source, entry, examined) = event {
                if verified.stopped_at_limit && entry.facts.kind != Kind::Slack {
                    let slack = slack_wanted(&examiner, entry, &examined);
                    let slack = slack.and_then(|slack| Some(source.open(&slack).ok()?.declared_len()));
                    reexamination.next(examined.decision.outcome.is_kept(), slack.unwrap_or(0));
                }
                compare_facts(&mut reexamination, counts_alone, &entry.locator, &examined);
                counts.add(Counted::Items, 1);
                compare_object(&mut reexamination, source, entry, &examined, counts);
            }
            ControlFlow::Continue(())
        })
        .map_err(|error| format!("volume {}: {error}", source.info().volume))?;
        whole &= walk.complete;
        limits.extend(shortcomings(&walk));
        let info = source.info();
        reexamination.wanting_today(&at_place(&info.place, &info.volume), wanting(&walk));
    }
    let has_digest = ids.iter().any(|(kind, _)| kind == IMAGE_SHA256);
    if stated.extent == Extent::Files && !has_digest && !opened.unread.is_empty() {
        let bytes = opened.unread.iter().fold(0_u64, |sum, volume| sum.saturating_add(volume.bytes.len()));
        limits.push(format!(
            "{} volumes of which no file is read, of {bytes} bytes together, are there; without a digest of the whole medium \
             nothing of their bytes was compared",
            opened.unread.len()
        ));
    }
    if counts_alone {
        reexamination.left_lines(stated.inventory.counts.get(&Outcome::Left).copied().unwrap_or(0));
    }
    reexamination.walked();
    limits.extend(told(&reexamination.objects()));
    limits.extend(not_compared(reexamination.unread()));
    limits.extend(unsaid(reexamination.unsaid()));
    limits.extend(reexamination.beyond().map(beyond));
    let objects = reexamination.objects();
    report.compared = Some(Compared {
        objects: objects.compared,
        partial: objects.partial,
        not_compared: reexamination.unread().items.saturating_add(reexamination.unsaid().items),
        beyond: reexamination.beyond(),
    });
    // Of an item of which the record has nothing nobody can say that it agrees; nor of a decision that rests on what was wanting.
    let wanting = reexamination.unsaid();
    let all = reexamination.unread().items == 0 && wanting.unknown == 0 && wanting.otherwise == 0;
    report.limits.extend(limits.into_iter().map(|limit| format!("examined again: {limit}")));
    let findings = reexamination.finish();
    report.matched = match findings.is_empty() {
        false => Answer::No,
        true if whole && all => Answer::Yes,
        true => Answer::NotChecked,
    };
    report.findings.extend(findings.into_iter().map(Into::into));
    Ok(verified)
}

/// A volume as the record names it: two partitions can hold copies of one file system.
#[must_use]
pub fn at_place(place: &str, volume: &str) -> String {
    if place.is_empty() || place == volume { volume.to_owned() } else { format!("{place}/{volume}") }
}

/// What of its lists a walk could not read, as the record states it.
#[must_use]
pub fn wanting(walk: &WalkReport) -> Wanting {
    let source::Wanting { deleted, unallocated, slack } = walk.wanting;
    Wanting { deleted, unallocated, slack, left: 0 }
}

/// Why the file systems by which alone a medium is known do not say what of it is meant: several have the identity of one
/// of them. `None` where they do.
#[must_use]
pub fn ambiguous(opened: &Opened, named: &[&str]) -> Option<String> {
    let place = |place: &str| match place {
        "" => "the medium itself".to_owned(),
        place => place.to_owned(),
    };
    named.iter().find_map(|uuid| {
        let read = opened.sources.iter().map(|source| (&source.info().place, &source.info().ids));
        // One whose root cannot be read is one of them all the same.
        let all = read.chain(opened.unread.iter().map(|volume| (&volume.place, &volume.ids)));
        let has_it = all.filter(|(_, ids)| ids.iter().any(|(kind, value)| kind == FSUUID && value == *uuid));
        let places: Vec<String> = has_it.map(|(at, _)| place(at)).collect();
        (places.len() > 1).then(|| {
            format!(
                "the medium is known by the file system {uuid} alone, and {} file systems on it have that \
                 identity: at {}. One is a copy, an older state or planted, and the order does not say which it means",
                places.len(),
                places.join(", ")
            )
        })
    })
}

/// Takes from a medium what the order does not cover, where it is known by file systems alone: all others.
///
/// Each becomes a limit of the medium.
pub fn limit_to(opened: &mut Opened, named: &[&str]) {
    let is_named = |ids: &[(String, String)]| {
        ids.iter().any(|(kind, value)| kind == FSUUID && named.contains(&value.as_str()))
    };
    let not_covered = "of what the order names, the medium shows another file system alone, and the order does not cover this";
    let limits = &mut opened.medium.limits;
    opened.sources.retain(|source| {
        let info = source.info();
        let covered = is_named(&info.ids);
        if !covered {
            let place = if info.place.is_empty() { "the medium" } else { &info.place };
            limits.push(format!("{place} ({}) is not examined: {not_covered}", info.file_system));
        }
        covered
    });
    opened.unread.retain(|volume| {
        let covered = is_named(&volume.ids);
        if !covered {
            let place = if volume.place.is_empty() { "the medium" } else { &volume.place };
            limits.push(format!("{place} ({}) cannot be preserved: {not_covered}", volume.what));
        }
        covered
    });
}

/// The kind of identity that names a file system, and not the medium it is on.
const FSUUID: &str = "fsuuid";

/// The layers of a medium, as a record states them.
#[must_use]
pub fn layers(opened: &Opened) -> Vec<LayerStatement> {
    let state = |state: &LayerState| match state {
        LayerState::Read(_) => Stated::Read,
        LayerState::Divided => Stated::Divided,
        LayerState::Unread(_) => Stated::Unread,
        LayerState::Blank => Stated::Blank,
        LayerState::Unknown => Stated::Unknown,
        LayerState::Gap => Stated::Gap,
    };
    let layers = opened.medium.layers.iter().map(|layer| LayerStatement {
        place: layer.place.clone(),
        start: layer.start,
        length: layer.length,
        what: layer.what.clone(),
        state: state(&layer.state),
    });
    layers.collect()
}

/// The identities that the medium shows; its digest, where the acquisition states one and the length is the same.
pub(crate) fn ids_of(
    stated: &Acquisition,
    opened: &Opened,
    (drives, open): (&[PathBuf], &OpenOptions),
    counts: &Counts,
    limits: &mut Vec<String>,
) -> Vec<(String, String)> {
    let mut ids = opened.medium.ids.clone();
    let same_length = stated.medium.size == opened.medium.size;
    if same_length && stated.medium.ids.iter().any(|id| id.kind == IMAGE_SHA256) {
        match opened.image_sha256() {
            Ok(digest) => ids.extend(digest.map(|digest| (IMAGE_SHA256.to_owned(), digest.hex()))),
            Err(fault) => limits.push(format!("the medium's digest cannot be computed: {fault}")),
        }
    }
    if same_length && stated.medium.ids.iter().any(|id| id.kind == DRIVE_SHA256) {
        let mut before = 0;
        let mut told = |_, _, read: u64| {
            counts.add(Counted::Digested, read.saturating_sub(before));
            before = read;
        };
        match drive_digests(drives, open, &mut told) {
            Ok(found) => {
                for (number, digests) in (1_usize..).zip(found) {
                    match digests.of_all() {
                        Some(digest) => ids.push((DRIVE_SHA256.to_owned(), digest.hex())),
                        None => limits.push(format!(
                            "drive {number} gives no digest: {} ranges of it could not be read",
                            digests.unreadable.len()
                        )),
                    }
                }
            }
            Err(why) => limits.push(format!("the digests of the drives cannot be computed: {why}")),
        }
    }
    ids
}

/// The kind of identity that takes a reading of the whole medium.
const IMAGE_SHA256: &str = "image_sha256";

/// Compares the facts of an item; with `counts`, of what is left the record keeps nothing that could be compared.
pub(crate) fn compare_facts(
    reexamination: &mut Reexamination,
    counts: bool,
    locator: &str,
    examined: &Examined,
) {
    let facts = &examined.facts;
    let kept = !counts || reexamination.has_record(locator);
    match examined.decision.outcome {
        Outcome::Left if counts => _ = reexamination.left_item(locator, facts),
        _ if !kept && !facts.failures.iter().all(Failure::is_of_archive) => {
            reexamination.undecided(locator, facts)
        }
        _ => reexamination.item(locator, facts),
    }
    reexamination.decided(locator, &examined.decision);
}

/// Compares the content of an item that was preserved: its content was taken, so nothing new is looked into.
pub(crate) fn compare_object(
    reexamination: &mut Reexamination,
    source: &dyn Source,
    entry: &Entry,
    examined: &Examined,
    counts: &Counts,
) {
    let what = Counted::Compared;
    reexamination.object(&entry.locator, &examined.facts, || match &examined.content {
        Some(content) => {
            let inner = io::Cursor::new(content.as_slice());
            Ok(Box::new(Counting { inner, counts: counts.clone(), what }) as Box<dyn Original + '_>)
        }
        // As it was read when it was kept: past what the medium does not give.
        None => match source.open_to_keep(entry) {
            Ok(stream) => {
                let inner = Past(PastGaps::new(stream));
                Ok(Box::new(Counting { inner, counts: counts.clone(), what }) as Box<dyn Original + '_>)
            }
            Err(error) => Err(io::Error::other(error)),
        },
    });
}

/// Content that goes past what the medium does not give.
struct Past<'s>(PastGaps<Box<dyn EvidenceStream + 's>>);

impl Read for Past<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl<R: Original> Original for Counting<R> {
    fn missing(&self) -> &[(u64, u64)] {
        self.inner.missing()
    }

    fn is_damaged(&self) -> bool {
        self.inner.is_damaged()
    }
}

impl Original for Past<'_> {
    fn missing(&self) -> &[(u64, u64)] {
        self.0.missing()
    }

    fn is_damaged(&self) -> bool {
        self.0.is_damaged()
    }
}

/// Why a walk may not have seen all that is on the medium.
pub(crate) fn shortcomings(walk: &WalkReport) -> Vec<String> {
    let mut told = walk.limits.clone();
    if !walk.complete {
        told.push("the walk did not come to its end".to_owned());
    }
    if walk.issues > 0 {
        told.push(format!("{} places of the medium could not be walked", walk.issues));
    }
    for (what, counted, expected) in walk.coverage.iter().filter(|(_, counted, expected)| counted != expected)
    {
        told.push(format!("{what}: {counted} were seen, the medium itself counts {expected}"));
    }
    told
}

/// What was compared of the preserved content, and what not.
fn told(objects: &Objects) -> Vec<String> {
    let Objects { compared, partial, readable_now, unreadable_now } = *objects;
    let mut told = vec![format!("{compared} objects compared with the original")];
    let mut some = |count: u64, what: &str| (count > 0).then(|| told.push(format!("{count} {what}")));
    some(partial, "of them are partial: what could not be read then was not compared");
    some(readable_now, "of them have zeros where the original gives bytes today");
    some(unreadable_now, "more not compared: the original gives less of them today than it gave then");
    told
}

/// How many items lie beyond the limit at which the run stopped.
pub(crate) fn beyond(items: u64) -> String {
    format!("the run stopped at the policy's limit: {items} items lie beyond it, and are not on record")
}

/// What of the ledger was not compared, item by item, since the original cannot be read there today.
pub(crate) fn not_compared(unread: &Unread) -> Vec<String> {
    let mut told: Vec<String> = unread.first.iter().map(|what| format!("not compared: {what}")).collect();
    let more = unread.items.saturating_sub(u64::try_from(unread.first.len()).unwrap_or(u64::MAX));
    if more > 0 {
        told.push(format!("not compared: {more} further items, of which something cannot be read today"));
    }
    told
}

/// What of the original was not compared, item by item, since the record says that it could not be read when it was made.
pub(crate) fn unsaid(unsaid: &Unsaid) -> Vec<String> {
    if unsaid.items == 0 {
        return Vec::new();
    }
    let mut told = vec![format!(
        "{} items were not compared, or not in all: the record itself says that they could not be read when it was made",
        unsaid.items
    )];
    if unsaid.unknown > 0 {
        told.push(format!(
            "{} of them are on the original, and the record has nothing of them: MATCHED cannot be answered",
            unsaid.unknown
        ));
    }
    if unsaid.otherwise > 0 {
        told.push(format!(
            "{} of them the policy decides otherwise, with what can be read of them today: MATCHED cannot be answered",
            unsaid.otherwise
        ));
    }
    told.extend(unsaid.otherwise_first.iter().map(|locator| format!("decided otherwise today: {locator}")));
    told.extend(unsaid.first.iter().map(|what| format!("not compared: {what}")));
    let more = unsaid.items.saturating_sub(u64::try_from(unsaid.first.len()).unwrap_or(u64::MAX));
    if more > 0 {
        told.push(format!("not compared: {more} further items that could not be read then"));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_walk_missed_and_what_was_not_compared_is_told() {
        let whole =
            WalkReport { complete: true, coverage: vec![("inodes".into(), 9, 9)], ..WalkReport::default() };
        assert!(shortcomings(&whole).is_empty());
        let walk = WalkReport { issues: 2, coverage: vec![("inodes".into(), 8, 9)], ..WalkReport::default() };
        assert_eq!(
            shortcomings(&walk),
            [
                "the walk did not come to its end",
                "2 places of the medium could not be walked",
                "inodes: 8 were seen, the medium itself counts 9",
            ]
        );
        let objects = Objects { compared: 5, unreadable_now: 1, ..Objects::default() };
        assert_eq!(
            told(&objects),
            [
                "5 objects compared with the original",
                "1 more not compared: the original gives less of them today than it gave then",
            ]
        );
    }
}
