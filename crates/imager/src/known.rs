//! Whether a medium is the one that the order names, and what to do where it is not.

use std::fmt;

use evidence::acquisition::{MediumId, MediumStatement};
use scope::identity::{Known, Other, Shown};
use scope::policy::{MediumIdKind, Target};
use source::Opened;

use crate::cli::SourceArgs;
use crate::load::LoadedPolicy;

/// Why a medium is not known as the order's.
#[derive(Debug)]
pub(crate) enum NotKnown {
    /// By its identities.
    Other(Other),
    /// The one that it is known by is that of several file systems on it.
    Ambiguous(String),
}

impl fmt::Display for NotKnown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(why) => why.fmt(f),
            Self::Ambiguous(why) => f.write_str(why),
        }
    }
}

/// By what the medium is known as the one of this label.
pub(crate) fn known<'p>(
    target: &'p Target,
    label: &str,
    opened: &Opened,
    medium: &MediumStatement,
) -> Result<Known<'p>, NotKnown> {
    let ids: Vec<(&str, &str)> = medium.ids.iter().map(MediumId::pair).collect();
    let layers = opened.medium.layers.iter().map(|layer| (layer.place.as_str(), layer.length));
    let layers: Vec<(&str, u64)> = layers.collect();
    let shown = Shown { form: &medium.form, ids: &ids, layers: &layers };
    let known = target.known(label, &shown).map_err(NotKnown::Other)?;
    // A mounted tree has no layers, and is one file system.
    let file_systems = known.file_systems.filter(|_| !layers.is_empty());
    match file_systems.as_ref().and_then(|named| folder::ambiguous(opened, named)) {
        Some(why) => Err(NotKnown::Ambiguous(why)),
        None => Ok(Known { file_systems, ..known }),
    }
}

/// What to do where a medium is not known as the order's: what would show the identity that it names comes first.
pub(crate) fn next_step(
    why: &NotKnown,
    loaded: &LoadedPolicy,
    label: &str,
    opened: &Opened,
    args: &SourceArgs,
) -> String {
    match why {
        NotKnown::Ambiguous(_) => return AMBIGUOUS.to_owned(),
        NotKnown::Other(Other::Absent { .. }) => return ABSENT.to_owned(),
        NotKnown::Other(Other::Shared { .. }) => return SHARED.to_owned(),
        NotKnown::Other(_) => {}
    }
    let spec = loaded.policy.target().media.iter().find(|spec| spec.label == label);
    let named = |kind: MediumIdKind| spec.is_some_and(|spec| spec.ids.iter().any(|(own, _)| *own == kind));
    let mut ways = Vec::new();
    if named(MediumIdKind::ImageSha256) && opened.image.is_some() && !args.digest_medium {
        ways.push("the policy knows this medium by its digest, which was not computed: give --digest-medium");
    }
    if opened.drives.bad_ranges().is_empty() && opened.image.is_none() && args.medium.len() == 1 {
        ways.push(
            "a mounted folder shows little of the medium it is on: give the image or the device itself, which `ambit` reads",
        );
    }
    if named(MediumIdKind::AssetTag) && args.asset_tag.is_none() {
        ways.push("read the tag off the device and give --asset-tag, which is a departure");
    }
    ways.push("check the medium and the label of the case; nothing was taken");
    ways.join("; or else: ")
}

/// What to do where several file systems have the identity that the order names.
const AMBIGUOUS: &str = "have the order name the medium itself (serial, wwn, gpt, md_uuid, vg_uuid or image_sha256), which covers all of \
    them; or give --other-medium REASON, which takes them all and stands in the record as a departure; nothing was taken";

/// What to do where the medium would show an identity that the order names, and does not.
const ABSENT: &str = "check the medium and the label of the case: give the drive itself or an image of all of it, and all drives of a set. Where it \
    is the one all the same (the identity lies within something encrypted or unreadable, or this is a part of the drive), give --other-medium REASON, \
    which stands in the record as a departure; nothing was taken";

/// What to do where the order gives what is shown to several media.
const SHARED: &str = "have the order give each medium an identity of its own (its serial, its wwn, its digest); or give --other-medium REASON, which \
    stands in the record as a departure; nothing was taken";
