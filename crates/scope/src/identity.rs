//! By what a medium is known to be the one that an order names, and how much of it the order covers then.
//!
//! Implements `docs/spec/policy.md`, "Which medium". What counts is what was shown: an identity that the order names and
//! nobody saw widens nothing.

use std::fmt;

use crate::policy::{MediaSpec, MediumIdKind, Target};

/// What a medium shows of itself, and what a person read off it.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// Its form, as the record states it: `mounted tree`, `raw image`, `E01 image of 3 segments`, ...
    pub form: &'a str,
    /// Its identities: kind and value.
    pub ids: &'a [(&'a str, &'a str)],
    /// Its layers: place and length.
    pub layers: &'a [(&'a str, u64)],
}

/// By what a medium is known, and what follows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Known<'p> {
    /// The file systems that the order covers, by their UUIDs, where nothing else of what it names was shown. `None`: all.
    pub file_systems: Option<Vec<&'p str>>,
    /// What it rests on that is too weak to rest on: a departure.
    pub rests_on: Option<RestsOn<'p>>,
    /// What the order names and this medium does not show, nor could: a limit each.
    pub unchecked: Vec<Unchecked<'p>>,
}

/// Something weak that an identity rests on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RestsOn<'p> {
    /// A tag that a person read.
    Tag,
    /// The signature of an MBR, which each copy of a disk has.
    MbrSignature,
    /// An array or a volume group of which nothing is put together: what is read lies beside it.
    NotPutTogether(MediumIdKind, &'p str),
    /// The UUID of a file system that a copy alone shows, behind a beginning that looks random.
    Copy(&'p str),
}

impl fmt::Display for RestsOn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("that this is the policy's medium rests on ")?;
        match self {
            Self::Tag => f.write_str("an asset tag that a person read"),
            Self::MbrSignature => f.write_str(
                "the signature of its MBR alone: 32 bits, which each copy of a disk has and anybody can set",
            ),
            Self::Copy(uuid) => write!(
                f,
                "fsuuid {uuid}, which only a copy shows, in a volume whose beginning looks random: it may be that of a file \
                 system which was there before an encrypted volume was made over it"
            ),
            Self::NotPutTogether(kind, value) => write!(
                f,
                "{} {value} alone, of which nothing could be put together: what is read here lies beside it",
                kind.word()
            ),
        }
    }
}

/// An identity that the order names, and that this medium does not show.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unchecked<'p> {
    /// Which.
    pub kind: MediumIdKind,
    /// What the order says.
    pub value: &'p str,
    /// The medium's form.
    pub form: String,
}

impl fmt::Display for Unchecked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the order names the medium by {} {}, too; ", self.kind.word(), self.value)?;
        match self.kind {
            MediumIdKind::AssetTag => f.write_str("no tag was read off it: not checked"),
            MediumIdKind::ImageSha256 => f.write_str("its digest was not computed: not checked"),
            _ => write!(f, "this {} shows none: not checked", self.form),
        }
    }
}

/// Why a medium is not the one that an order names.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Other {
    /// No medium of the order has this label.
    #[error("the policy does not name a medium `{label}`; it names {}", .names.join(", "))]
    Label {
        /// The label.
        label: String,
        /// Those that it names.
        names: Vec<String>,
    },
    /// It shows another identity of a kind that the order names.
    #[error("the policy's medium has {} {wanted}; this one has {}", .kind.word(), .found.join(", "))]
    Contradicted {
        /// Which kind.
        kind: MediumIdKind,
        /// What the order names.
        wanted: String,
        /// What is there.
        found: Vec<String>,
    },
    /// It would show an identity of a kind that the order names, and shows none.
    #[error(
        "the policy's medium has {} {wanted}; this one has none, and a drive that is read as a whole would show it",
        .kind.word()
    )]
    Absent {
        /// Which kind.
        kind: MediumIdKind,
        /// What the order names.
        wanted: String,
    },
    /// What it shows, the order gives to more than one medium.
    #[error(
        "this one shows {} {value}, which the policy gives to {} as well as to {}: it tells neither from the other",
        .kind.word(), .label, .others.join(", ")
    )]
    Shared {
        /// Which kind.
        kind: MediumIdKind,
        /// What is there.
        value: String,
        /// The label that was asked for.
        label: String,
        /// The others with it.
        others: Vec<String>,
    },
    /// It shows nothing that the order names.
    #[error("the policy's medium is known by {}; this one shows {}", .wanted.join(", "), .found.join(", "))]
    Nothing {
        /// What the order names.
        wanted: Vec<String>,
        /// What is there; `none` where nothing is.
        found: Vec<String>,
    },
}

impl Target {
    /// By what a medium is known to be the one of that label.
    ///
    /// # Errors
    ///
    /// Why it is not known as that one.
    pub fn known(&self, label: &str, shown: &Shown<'_>) -> Result<Known<'_>, Other> {
        let Some(spec) = self.media.iter().find(|spec| spec.label == label) else {
            let names = self.media.iter().map(|spec| spec.label.clone()).collect();
            return Err(Other::Label { label: label.to_owned(), names });
        };
        let (mut fits, mut shared, mut unchecked) = (Vec::new(), None, Vec::new());
        let mut absent = None;
        for (kind, wanted) in &spec.ids {
            // A disk with several file systems shows several of a kind.
            let found: Vec<&str> =
                shown.ids.iter().filter(|(own, _)| *own == kind.word()).map(|(_, value)| *value).collect();
            if found.is_empty() {
                if shown.form != TREE && kind.is_on_every_copy() {
                    absent.get_or_insert(Other::Absent { kind: *kind, wanted: wanted.clone() });
                } else {
                    unchecked.push(Unchecked { kind: *kind, value: wanted, form: shown.form.to_owned() });
                }
                continue;
            }
            if !found.contains(&wanted.as_str()) {
                let found = found.into_iter().map(str::to_owned).collect();
                return Err(Other::Contradicted { kind: *kind, wanted: wanted.clone(), found });
            }
            let others: Vec<String> = self.with(*kind, wanted, label);
            if others.is_empty() {
                fits.push((*kind, wanted.as_str()));
            } else {
                let (value, label) = (wanted.clone(), label.to_owned());
                shared.get_or_insert(Other::Shared { kind: *kind, value, label, others });
            }
        }
        if fits.is_empty() && shared.is_none() {
            return Err(nothing(spec, shown));
        }
        if let Some(why) = absent {
            return Err(why);
        }
        match (rests_on(&fits, shown), shared) {
            (Some(known), _) => Ok(Known { unchecked, ..known }),
            (None, Some(why)) => Err(why),
            (None, None) => Err(nothing(spec, shown)),
        }
    }

    /// The labels of other media that the order knows by this identity, too.
    #[must_use]
    pub fn with(&self, kind: MediumIdKind, value: &str, label: &str) -> Vec<String> {
        let has_it = |spec: &&MediaSpec| spec.ids.iter().any(|(own, other)| *own == kind && other == value);
        let others = self.media.iter().filter(|spec| spec.label != label).filter(has_it);
        others.map(|spec| spec.label.clone()).collect()
    }
}

/// What the order covers by the identities that fit, and what is weak about it; `None` where none fits.
fn rests_on<'p>(fits: &[(MediumIdKind, &'p str)], shown: &Shown<'_>) -> Option<Known<'p>> {
    let known = |file_systems, rests_on| Some(Known { file_systems, rests_on, unchecked: Vec::new() });
    let value = |kind| fits.iter().find(|(own, _)| *own == kind).map(|(_, value)| *value);
    let apart = |(kind, value): &&(MediumIdKind, &'p str)| match kind {
        MediumIdKind::MdUuid | MediumIdKind::VgUuid => !is_put_together(*kind, value, shown),
        _ => false,
    };
    let strong = fits.iter().any(|id| match id.0 {
        MediumIdKind::Serial | MediumIdKind::Wwn | MediumIdKind::Gpt | MediumIdKind::ImageSha256 => true,
        MediumIdKind::MdUuid | MediumIdKind::VgUuid => !apart(&id),
        MediumIdKind::MbrSignature | MediumIdKind::Fsuuid | MediumIdKind::AssetTag => false,
    });
    if strong {
        return known(None, None);
    }
    let fsuuid = value(MediumIdKind::Fsuuid);
    let apart = fits.iter().find(apart).map(|(kind, value)| RestsOn::NotPutTogether(*kind, value));
    let weak = apart.or_else(|| value(MediumIdKind::MbrSignature).map(|_| RestsOn::MbrSignature));
    let of_copy = |uuid| shown.ids.contains(&(FSUUID_OF_COPY, uuid)).then_some(RestsOn::Copy(uuid));
    match (weak, fsuuid, value(MediumIdKind::AssetTag)) {
        // A file system's identity beside one of the whole disk's: neither alone.
        (Some(_), Some(uuid), _) => known(None, of_copy(uuid)),
        (Some(weak), None, _) => known(None, Some(weak)),
        // The tag names the whole, and a person typed it in.
        (None, _, Some(_)) => known(None, Some(RestsOn::Tag)),
        (None, Some(uuid), None) => known(Some(vec![uuid]), of_copy(uuid)),
        (None, None, None) => None,
    }
}

/// Whether some volume of the array or the group is among the layers.
fn is_put_together(kind: MediumIdKind, value: &str, shown: &Shown<'_>) -> bool {
    let bare = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    shown.layers.iter().filter(|(_, length)| *length > 0).any(|(place, _)| {
        match (kind, place.split_once(':')) {
            // A second array of one identity has ":2" behind it.
            (MediumIdKind::MdUuid, Some(("md", rest))) => {
                rest.split_once(':').map_or(rest, |(uuid, _)| uuid).len() == MD_PLACE
                    && bare(rest).get(..32) == Some(bare(value).as_str())
            }
            (MediumIdKind::VgUuid, Some(("lvm", rest))) => {
                rest.split_once(':').is_some_and(|(group, _)| group == value)
            }
            _ => false,
        }
    })
}

fn nothing(spec: &MediaSpec, shown: &Shown<'_>) -> Other {
    let wanted = spec.ids.iter().map(|(kind, value)| format!("{} {value}", kind.word())).collect();
    let found: Vec<String> = shown.ids.iter().map(|(kind, value)| format!("{kind} {value}")).collect();
    Other::Nothing { wanted, found: if found.is_empty() { vec!["none".to_owned()] } else { found } }
}

/// The kind under which a medium shows an `fsuuid`, a second time, that only a copy bears, in a volume of which the beginning looks
/// random: that of the copy, and perhaps of nothing else that is there.
pub const FSUUID_OF_COPY: &str = "fsuuid_of_copy";

/// The form of a medium that is a folder: its files are seen, and not what they lie on.
const TREE: &str = "mounted tree";

/// Characters of an array's UUID in a place: 32 digits in five groups.
const MD_PLACE: usize = 36;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Deleted, UnreadVolumes};

    const MD: &str = "0a0b0c0d:11112222:33334444:44444444";
    const AT: &str = "md:0a0b0c0d-1111-2222-3333-444444444444";

    fn target(media: &[(&str, &[(MediumIdKind, &str)])]) -> Target {
        let own =
            |ids: &[(MediumIdKind, &str)]| ids.iter().map(|(kind, id)| (*kind, (*id).to_owned())).collect();
        let media = media.iter().map(|(label, ids)| MediaSpec { label: (*label).to_owned(), ids: own(ids) });
        Target {
            media: media.collect(),
            live: false,
            inspect: Vec::new(),
            streams: true,
            deleted: Deleted::Never,
            unallocated: None,
            slack: None,
            unread_volumes: UnreadVolumes::Name,
            closed: Vec::new(),
            containers: None,
        }
    }

    /// What an order by `ids` says of a medium: what it covers, or why it is another; then each thing that is told.
    fn told(
        ids: &[(MediumIdKind, &str)],
        form: &str,
        shown: &[(&str, &str)],
        layers: &[(&str, u64)],
    ) -> Vec<String> {
        let target = target(&[("KC07", ids)]);
        match target.known("KC07", &Shown { form, ids: shown, layers }) {
            Ok(known) => {
                let covers = known.file_systems.map_or_else(|| "all".to_owned(), |named| named.join(" "));
                let weak = known.rests_on.map(|weak| weak.to_string());
                std::iter::once(covers)
                    .chain(weak)
                    .chain(known.unchecked.iter().map(ToString::to_string))
                    .collect()
            }
            Err(why) => vec![why.to_string()],
        }
    }

    use MediumIdKind::{AssetTag, Fsuuid, Gpt, ImageSha256, MbrSignature, MdUuid, Serial, VgUuid, Wwn};

    const RAW: &str = "raw image";

    #[test]
    fn what_is_covered_follows_what_was_shown() {
        let (fs, serial) = ((Fsuuid, "42F8-5AB8"), (Serial, "WD-1"));
        let unseen = "the order names the medium by serial WD-1, too; this raw image shows none: not checked";
        assert_eq!(told(&[fs], RAW, &[("fsuuid", "42F8-5AB8")], &[]), ["42F8-5AB8"]);
        assert_eq!(told(&[serial, fs], RAW, &[("fsuuid", "42F8-5AB8")], &[]), ["42F8-5AB8", unseen]);
        let both = [("fsuuid", "42F8-5AB8"), ("serial", "WD-1")];
        assert_eq!(told(&[serial, fs], "E01 image", &both, &[]), ["all"]);
        // Usual orders and usual images: nothing is refused, what was not seen is said.
        let gpt = (Gpt, "c036ac61");
        assert_eq!(told(&[serial, gpt], RAW, &[("gpt", "c036ac61"), ("fsuuid", "x")], &[]), ["all", unseen]);
        assert_eq!(
            told(&[serial, gpt], "E01 image", &[("gpt", "c036ac61"), ("serial", "WD-1")], &[]),
            ["all"]
        );
        let many = [serial, (Wwn, "5000"), gpt, (AssetTag, "T"), (ImageSha256, "00")];
        assert_eq!(told(&many, RAW, &[("gpt", "c036ac61")], &[]).len(), 5);
        let tree = told(&[gpt, fs], "mounted tree", &[("fsuuid", "42F8-5AB8")], &[]);
        assert_eq!(tree[0], "42F8-5AB8", "what lies below a folder is not seen");
    }

    #[test]
    fn what_a_whole_drive_would_show_is_missed() {
        let strong = [(Serial, "WD-1"), (VgUuid, "VfZc1o"), (MbrSignature, "deadbeef")];
        let absent = |what: &str| {
            format!(
                "the policy's medium has {what}; this one has none, and a drive that is read as a whole would show it"
            )
        };
        assert_eq!(told(&strong, RAW, &[("mbr_signature", "deadbeef")], &[]), [absent("vg_uuid VfZc1o")]);
        for (kind, word) in
            [(Gpt, "gpt"), (MdUuid, "md_uuid"), (Fsuuid, "fsuuid"), (MbrSignature, "mbr_signature")]
        {
            let serial = [("serial", "WD-1")];
            assert_eq!(
                told(&[(Serial, "WD-1"), (kind, "x")], "E01 image", &serial, &[]),
                [absent(&format!("{word} x"))]
            );
        }
        let other = told(&strong, RAW, &[("vg_uuid", "other"), ("mbr_signature", "deadbeef")], &[]);
        assert_eq!(other, ["the policy's medium has vg_uuid VfZc1o; this one has other"]);
        assert_eq!(
            told(&strong, RAW, &[], &[]),
            [
                "the policy's medium is known by serial WD-1, vg_uuid VfZc1o, mbr_signature deadbeef; this one shows none"
            ]
        );
    }

    #[test]
    fn what_anybody_can_set_is_a_departure() {
        let weak = "that this is the policy's medium rests on the signature of its MBR alone: 32 bits, which each copy of a disk has and anybody can set";
        let (mbr, shown) = ((MbrSignature, "deadbeef"), ("mbr_signature", "deadbeef"));
        assert_eq!(told(&[mbr], RAW, &[shown], &[]), ["all", weak]);
        let serial = "the order names the medium by serial WD-1, too; this raw image shows none: not checked";
        assert_eq!(told(&[(Serial, "WD-1"), mbr], RAW, &[shown], &[]), ["all", weak, serial]);
        assert_eq!(told(&[mbr, (AssetTag, "T")], RAW, &[shown, ("asset_tag", "T")], &[]), ["all", weak]);
        assert_eq!(told(&[mbr, (Fsuuid, "u")], RAW, &[shown, ("fsuuid", "u")], &[]), ["all"]);
        let tag = "that this is the policy's medium rests on an asset tag that a person read";
        // What a copy alone shows, behind a beginning that looks random, is not enough to say nothing.
        let copy = [("fsuuid", "u"), ("fsuuid_of_copy", "u")];
        let weak = "that this is the policy's medium rests on fsuuid u, which only a copy shows, in a volume whose beginning looks \
                    random: it may be that of a file system which was there before an encrypted volume was made over it";
        assert_eq!(told(&[(Fsuuid, "u")], RAW, &copy, &[]), ["u", weak]);
        assert_eq!(told(&[(Fsuuid, "u")], RAW, &[copy[0], ("fsuuid_of_copy", "v")], &[]), ["u"]);
        assert_eq!(told(&[mbr, (Fsuuid, "u")], RAW, &[shown, copy[0], copy[1]], &[]), ["all", weak]);
        assert_eq!(
            told(&[(Serial, "S"), (Fsuuid, "u")], RAW, &[("serial", "S"), copy[0], copy[1]], &[]),
            ["all"],
            "a serial number stands elsewhere"
        );
        let tagged = [("asset_tag", "T"), ("fsuuid", "u")];
        assert_eq!(told(&[(Fsuuid, "u"), (AssetTag, "T")], RAW, &tagged, &[]), ["all", tag]);
    }

    #[test]
    fn an_array_of_which_nothing_is_read_is_a_departure() {
        let shown = [("md_uuid", MD)];
        let rests = format!(
            "that this is the policy's medium rests on md_uuid {MD} alone, of which nothing could be put together: what is read here \
             lies beside it"
        );
        assert_eq!(told(&[(MdUuid, MD)], RAW, &shown, &[("", 9), (AT, 0)]), ["all", &rests]);
        for at in [AT.to_owned(), format!("{AT}:2")] {
            assert_eq!(told(&[(MdUuid, MD)], RAW, &shown, &[("", 9), (&at, 9)]), ["all"]);
        }
        assert_eq!(
            told(&[(MdUuid, MD)], RAW, &shown, &[("md:ffffffff-1111-2222-3333-444444444444", 9)]).len(),
            2
        );
        let group = [("vg_uuid", "VfZc1o")];
        assert_eq!(told(&[(VgUuid, "VfZc1o")], RAW, &group, &[("lvm:VfZc1o", 0)]).len(), 2);
        assert_eq!(told(&[(VgUuid, "VfZc1o")], RAW, &group, &[("lvm:VfZc1o:a", 9)]), ["all"]);
    }

    #[test]
    fn what_two_media_have_in_common_tells_neither() {
        let mbr = (MbrSignature, "deadbeef");
        let target = target(&[("KC07", &[mbr]), ("KC08", &[mbr, (Serial, "WD-2")])]);
        let shown = |ids| Shown { form: RAW, ids, layers: &[] };
        let common = [("mbr_signature", "deadbeef")];
        for (label, other) in [("KC07", "KC08"), ("KC08", "KC07")] {
            let why = target.known(label, &shown(&common)).unwrap_err().to_string();
            let said = format!(
                "this one shows mbr_signature deadbeef, which the policy gives to {label} as well as to {other}: it tells neither from the other"
            );
            assert_eq!(why, said);
        }
        let own = [("mbr_signature", "deadbeef"), ("serial", "WD-2")];
        assert_eq!(target.known("KC08", &shown(&own)).unwrap().rests_on, None);
        assert!(matches!(target.known("KC09", &shown(&own)), Err(Other::Label { .. })));
    }
}
