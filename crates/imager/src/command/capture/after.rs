//! The medium after the last item: its digest, and what it did not give.

use evidence::event::MediumUnreadable;
use scope::Digest;

use crate::console::{Console, Failure};
use crate::workplace::{self, Ready};

/// The medium's digest after the last item, where it is asked for and every byte can be read; and what it did not give, to
/// whomever read it.
pub(super) fn medium_after(
    ready: &Ready,
    digest: bool,
    console: &mut Console<'_>,
) -> Result<(Option<Digest>, Option<MediumUnreadable>), Failure> {
    let found = match (&ready.opened.image, digest) {
        (Some(image), true) => Some(workplace::whole_digest(image, &[])?),
        _ => None,
    };
    let mut drives = ready.opened.drives.bad_ranges();
    let partial = found.as_ref().and_then(workplace::partial);
    if let (Some(found), Some(partial)) = (&found, &partial) {
        console.say(format_args!("warning: {partial}"));
        if drives.is_empty() {
            drives.push(Vec::new());
        }
        if let [only] = drives.as_mut_slice() {
            only.extend(found.unreadable.iter().map(|(from, to)| *from..*to));
            *only = source::merged(std::mem::take(only));
        }
    }
    let mut missing = MediumUnreadable::of(&drives);
    match partial {
        Some(_) => {
            if let Some(missing) = &mut missing {
                missing.sha256_with_zeros = found.map(|found| found.sha256);
            }
            Ok((None, missing))
        }
        None => Ok((found.map(|found| found.sha256), missing)),
    }
}

/// What the medium did not give, as a limit.
pub(super) fn failed(missing: Option<&MediumUnreadable>) -> Option<String> {
    let missing = missing?;
    Some(format!("{} bytes of the medium in {} ranges could not be read", missing.bytes, missing.ranges))
}
