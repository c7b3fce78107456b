//! The medium after the last item: its digest, and what it did not give.

use std::collections::BTreeSet;

use custody::Medium;
use evidence::event::MediumUnreadable;
use folder::DRIVE_SHA256;

use crate::bad_places::BadPlaces;
use crate::cli::SourceArgs;
use crate::console::{Console, Failure};
use crate::digests;
use crate::pipeline::medium_gone;
use crate::workplace::Ready;

/// The medium's digest after the last item, of a set one of each drive, where it is asked for and every byte can be read; and
/// what it did not give, to whomever read it: `bad` is what the run met, also before a break. And whether a digest is another than before.
pub(super) fn medium_after(
    ready: &Ready,
    bad: &BadPlaces,
    args: &SourceArgs,
    console: &mut Console<'_>,
) -> Result<(Medium, bool), Failure> {
    let found = match args.digest_medium {
        true => digests::all(&ready.opened, &args.medium, args.image_form, console.reader())?,
        false => Vec::new(),
    };
    if let Some(why) = ready.opened.drives.lost() {
        return Err(medium_gone(&why));
    }
    let mut drives = bad.and(&ready.opened.drives.bad_ranges()).drives();
    drives.resize(drives.len().max(found.len()), Vec::new());
    for (bad, found) in drives.iter_mut().zip(&found) {
        bad.extend(found.unreadable.iter().map(|(from, to)| *from..*to));
        *bad = source::merged(std::mem::take(bad));
    }
    let mut medium = Medium { sha256: None, drives: None, unreadable: MediumUnreadable::of(&drives) };
    let before = |kind: &'static str| {
        let ids = ready.medium.ids.iter().filter(move |id| id.kind == kind);
        ids.map(|id| id.value.clone()).collect::<BTreeSet<_>>()
    };
    let mut altered = false;
    let count = found.len();
    for (number, found) in (1_usize..).zip(&found) {
        let (of, kind) = match count {
            1 => ("the medium".to_owned(), "image_sha256"),
            _ => (format!("drive {number}"), DRIVE_SHA256),
        };
        let digest = match digests::partial(found, &of) {
            Some(partial) => {
                console.say(format_args!("warning: {partial}"));
                None
            }
            None => {
                console.say(format_args!("SHA-256 of {of}, after: {}", found.sha256.hex()));
                let before = before(kind);
                if !before.is_empty() && !before.contains(&found.sha256.hex()) {
                    console.say(format_args!(
                        "warning: {of} has another SHA-256 than before; the record says so"
                    ));
                    altered = true;
                }
                Some(found.sha256)
            }
        };
        match (count, digest, &mut medium.unreadable) {
            (1, Some(_), _) => medium.sha256 = digest,
            (1, None, Some(missing)) => missing.sha256_with_zeros = Some(found.sha256),
            (1, None, None) => {}
            _ => medium.drives.get_or_insert_default().push(digest),
        }
    }
    Ok((medium, altered))
}

/// What the medium did not give, as a limit.
pub(in crate::command) fn failed(missing: Option<&MediumUnreadable>) -> Option<String> {
    Some(missing?.to_string())
}

/// The ranges that the medium did not give, as a person notes them: the first of them, by drive and offset.
pub(in crate::command) fn ranges(missing: &MediumUnreadable) -> String {
    let several = missing.first.iter().any(|range| range.drive != 1);
    let told = missing.first.iter().take(TOLD).map(|range| {
        let drive = if several { format!("drive {}: ", range.drive) } else { String::new() };
        format!("{drive}bytes {} to {}", range.from, range.to.saturating_sub(1))
    });
    let more = missing.ranges.saturating_sub(TOLD as u64);
    let more = (more > 0).then(|| format!("and {more} more"));
    told.chain(more).collect::<Vec<_>>().join("; ")
}

/// Most ranges that are told on a screen; the record has more.
const TOLD: usize = 20;
