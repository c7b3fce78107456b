//! Digests of a whole medium: one of its image or device, and of a set one of each drive.

use std::path::PathBuf;
use std::sync::Arc;

use evidence::acquisition::{Departure, MediumId};
use folder::DRIVE_SHA256;
use source::{ByteSource, Form, MediumDigests, OpenOptions, Opened, Reader, StoredDigest};

use crate::cli::SourceArgs;
use crate::console::{Console, Context as _, Failure};
use crate::pipeline::medium_gone;
use crate::progress::ByteProgress;

/// What was computed of a medium before the first item.
#[derive(Default)]
pub(crate) struct Before {
    /// The digests, as identities of the medium.
    pub(crate) ids: Vec<MediumId>,
    /// Digests that an image states and its bytes do not have, each as a departure.
    pub(crate) differing: Vec<Departure>,
}

/// The digests before the first item; what an image states of itself is compared, and a
/// difference becomes a limit and a departure. A drive that does not give every byte has none, and that is a limit, too.
pub(crate) fn before(
    opened: &mut Opened,
    args: &SourceArgs,
    console: &mut Console<'_>,
) -> Result<Before, Failure> {
    let found = all(opened, &args.medium, args.image_form, console.reader())?;
    if let Some(why) = opened.drives.lost() {
        return Err(medium_gone(&why));
    }
    if found.is_empty() {
        opened
            .medium
            .limits
            .push("a mounted folder has no digest of the whole medium; none was computed".to_owned());
    }
    let mut before = Before::default();
    let drives = found.len();
    for (number, found) in (1_usize..).zip(&found) {
        let (of, kind) = match drives {
            1 => ("the medium".to_owned(), "image_sha256"),
            _ => (format!("drive {number}"), DRIVE_SHA256),
        };
        opened.medium.limits.extend(partial(found, &of));
        let Some(digest) = found.of_all() else { continue };
        for (stated, computed) in &found.stated {
            let claim = format!("the image states the {} {}", stated.algorithm, stated.hex);
            match computed {
                Some(computed) if *computed == stated.hex => {
                    console.say(format_args!("the image's stored {} is that of its bytes", stated.algorithm));
                }
                Some(computed) => {
                    let reason = format!("its bytes have {computed}: it is not as it was made");
                    opened.medium.limits.push(format!("{claim}, and {reason}"));
                    before.differing.push(Departure { what: format!("{OTHER_DIGEST}{claim}"), reason });
                }
                None => opened.medium.limits.push(format!("{claim}, of a kind that is not computed")),
            }
        }
        let of = if found.held.is_some() { format!("all that the image holds of {of}") } else { of };
        console.say(format_args!("SHA-256 of {of}: {}", digest.hex()));
        before.ids.push(MediumId { kind: kind.to_owned(), value: digest.hex() });
    }
    Ok(before)
}

/// The digests of a medium: one of an image or a device, one of each drive of a set, none of a mounted folder.
pub(crate) fn all(
    opened: &Opened,
    drives: &[PathBuf],
    form: Option<Form>,
    reader: &Reader,
) -> Result<Vec<MediumDigests>, Failure> {
    match (&opened.image, drives.len()) {
        (Some(image), _) => Ok(vec![whole(image, &opened.medium.stored)?]),
        (None, 0 | 1) => Ok(Vec::new()),
        (None, count) => {
            // Whether they can be written to was asked when the medium was opened.
            let open = OpenOptions {
                writable_source: true,
                bare: true,
                form,
                reader: reader.clone(),
                ..OpenOptions::default()
            };
            let mut progress: Option<(usize, ByteProgress)> = None;
            let found = folder::drive_digests(drives, &open, &mut |number, length, read| {
                if progress.as_ref().is_none_or(|(told, _)| *told != number) {
                    let begun = ByteProgress::start(format!("digest of drive {number} of {count}"), length);
                    if let Some((_, ended)) = progress.replace((number, begun)) {
                        ended.finish();
                    }
                }
                if let Some((_, progress)) = &mut progress {
                    progress.bytes(read);
                }
            });
            if let Some((_, ended)) = progress {
                ended.finish();
            }
            found.map_err(|why| Failure::new(format!("digest of the medium: {why}")))
        }
    }
}

/// Reads the whole medium once, with progress.
fn whole(image: &Arc<dyn ByteSource>, stated: &[StoredDigest]) -> Result<MediumDigests, Failure> {
    let progress = ByteProgress::start("digest", image.len());
    let found =
        source::digests(image, stated, &mut |read| progress.bytes(read)).context("digest of the medium")?;
    progress.finish();
    Ok(found)
}

/// What is to be said of digests that are not of every byte; nothing where they are.
pub(crate) fn partial(found: &MediumDigests, of: &str) -> Option<String> {
    let sum = |ranges: &[(u64, u64)]| {
        ranges.iter().fold(0_u64, |sum, (from, to)| sum.saturating_add(to.saturating_sub(*from)))
    };
    let (bytes, filled) = (sum(&found.unreadable), sum(&found.filled));
    let maker = match filled {
        0 => String::new(),
        _ if filled == bytes => ", all of them by the maker of the image".to_owned(),
        _ => format!(", {filled} of them by the maker of the image"),
    };
    let held = found.held.map(|held| format!("; with what the image holds there it is {}", held.hex()));
    (bytes > 0).then(|| {
        format!(
            "{bytes} bytes of {of} in {} ranges could not be read{maker}; with zeros in their place its SHA-256 is {}: \
             partial, the digest of no medium{}",
            found.unreadable.len(),
            found.sha256.hex(),
            held.unwrap_or_default()
        )
    })
}

/// What a departure begins with where an image states a digest that its bytes do not have.
const OTHER_DIGEST: &str = "other digest: ";
