//! The fields of the whole policy: authority, recipients, record, target, limits, defaults.

use std::collections::BTreeSet;
use std::ops::Range;

use bech32::Bech32;
use bech32::primitives::decode::CheckedHrpstring;
use toml::de::DeValue;

use super::doc::Doc;
use super::fields::{Section, Value, minute_of_day, number, offset, one_of, shown, text};
use super::{Ids, check_reference};
use crate::digest::{Digest, unhex};
use crate::facts::Look;
use crate::glob::Glob;
use crate::policy::{
    Authority, Containers, Defaults, Deleted, Hours, LeftRecord, Limits, MediaSpec, MediumIdKind,
    NotSearchable, PathCase, Recipients, Record, Target, UnknownDefault, UnreadVolumes,
};

pub(super) fn version(doc: &mut Doc<'_>, root: &Section<'_>) -> u64 {
    let value = root.need(doc, "version", "the first version is 1");
    let version = value.and_then(|value| number(doc, value, "version")).unwrap_or_default();
    if version == 0 && value.is_some_and(|value| matches!(value.get_ref(), DeValue::Integer(_))) {
        doc.report(root.span_of("version"), "`version` counts from 1", None);
    }
    version
}

pub(super) fn supersedes(doc: &mut Doc<'_>, root: &Section<'_>) -> Option<Digest> {
    let text = root.maybe_text(doc, "supersedes")?;
    let digest = text.parse().ok();
    if digest.is_none() {
        let hint =
            "write the policy id of the version before: `sha256:` and 64 lower-case hex digits".to_owned();
        doc.report(root.span_of("supersedes"), "`supersedes` is not a policy id", Some(hint));
    }
    digest
}

/// A table that must be there.
fn required<'d>(
    doc: &mut Doc<'_>,
    root: &Section<'d>,
    key: &str,
    known: &[&str],
    refused: &[(&str, &str)],
) -> Section<'d> {
    let name = format!("[{key}]");
    match root.need(doc, key, &format!("add the table [{key}]")) {
        Some(value) => Section::open(doc, name, value, known, refused),
        None => Section::absent(&name),
    }
}

pub(super) fn authority(doc: &mut Doc<'_>, root: &Section<'_>) -> Authority {
    const KNOWN: &[&str] = &[
        "court",
        "docket",
        "instrument",
        "legal_basis",
        "issued",
        "execute_by",
        "hours",
        "review_by",
        "particulars",
        "conditions",
    ];
    let table = required(doc, root, "authority", KNOWN, &[]);
    table.need(doc, "legal_basis", "name the law that the order rests on");
    table.need(doc, "particulars", "name what the order describes");
    let issued = table.time(doc, "issued");
    let mut later = |key: &str| {
        let time = table.time(doc, key);
        if issued.zip(time).is_some_and(|(issued, time)| time <= issued) {
            doc.report(table.span_of(key), format!("`{key}` is not after `issued`"), None);
        }
        time.unwrap_or_default()
    };
    let (execute_by, review_by) = (later("execute_by"), later("review_by"));
    Authority {
        court: table.text(doc, "court", "name the court, or who else ordered it"),
        docket: table.text(doc, "docket", "give the docket or file number"),
        instrument: table.text(doc, "instrument", "say what kind of order it is"),
        legal_basis: owned(table.texts(doc, "legal_basis")),
        issued: issued.unwrap_or_default(),
        execute_by,
        hours: hours(doc, &table),
        review_by,
        particulars: owned(table.texts(doc, "particulars")),
        conditions: owned(table.texts(doc, "conditions")),
    }
}

fn hours(doc: &mut Doc<'_>, table: &Section<'_>) -> Hours {
    const HINT: &str = "write \"06:00-22:00 -05:00\" (local hours and their offset), or \"any\"";
    let Some(value) = table.need(doc, "hours", HINT) else { return Hours::Any };
    let Some(text) = text(doc, value, "hours") else { return Hours::Any };
    if text == "any" {
        return Hours::Any;
    }
    let daily = || {
        let (span, zone) = text.split_once(' ')?;
        let (from, until) = span.split_once('-')?;
        let (from, until) = (minute_of_day(from)?, minute_of_day(until)?);
        (from < 24 * 60 && from != until).then_some(Hours::Daily { from, until, offset: offset(zone)? })
    };
    daily().unwrap_or_else(|| {
        doc.report(value.span(), "`hours` is not a span of the day with its offset", Some(HINT.to_owned()));
        Hours::Any
    })
}

pub(super) fn recipients(doc: &mut Doc<'_>, root: &Section<'_>) -> Recipients {
    let table = required(doc, root, "recipients", &["case", "auditor", "court", "captured_also"], &[]);
    for (key, who) in [("case", "the case team"), ("auditor", "the auditor"), ("court", "the court")] {
        table.need(doc, key, &format!("list the age recipients of {who}: {key} = [\"age1...\"]"));
    }
    Recipients {
        case: age_recipients(doc, &table, "case"),
        auditor: age_recipients(doc, &table, "auditor"),
        court: age_recipients(doc, &table, "court"),
        captured_also: age_recipients(doc, &table, "captured_also"),
    }
}

/// age X25519 recipients, each checked down to its checksum.
pub(super) fn age_recipients(doc: &mut Doc<'_>, table: &Section<'_>, key: &str) -> Vec<String> {
    let found = table.texts(doc, key);
    for (span, text) in &found {
        if let Err(fault) = check_age_recipient(text) {
            let message = format!("`{}` is not an age recipient: {fault}", shown(text));
            doc.report(
                span.clone(),
                message,
                Some("make a key with `age-keygen`; its public key is the recipient".to_owned()),
            );
        }
    }
    owned(found)
}

fn check_age_recipient(text: &str) -> Result<(), &'static str> {
    if text.starts_with("AGE-SECRET-KEY-") {
        return Err("it is a SECRET key; it is no longer secret");
    }
    let checked =
        CheckedHrpstring::new::<Bech32>(text).map_err(|_| "a character or the checksum is wrong")?;
    match checked.hrp().as_str() {
        "age" => {}
        "age1pq" => return Err("post-quantum recipients are not supported in this version"),
        _ => return Err("only X25519 recipients, `age1...`, are supported"),
    }
    let bytes: Vec<u8> = checked.byte_iter().collect();
    let again = bech32::encode::<Bech32>(checked.hrp(), &bytes).map_err(|_| "it is too long")?;
    if bytes.len() == 32 && again == text {
        Ok(())
    } else {
        Err("it does not hold 32 bytes, or is not in lower case")
    }
}

pub(super) fn record(doc: &mut Doc<'_>, root: &Section<'_>) -> Record {
    let table = required(doc, root, "record", &["left", "holder", "basis", "until"], &[]);
    let words = [("facts", LeftRecord::Facts), ("counts", LeftRecord::Counts)];
    Record {
        left: table.word(doc, "left", &words).unwrap_or(LeftRecord::Counts),
        holder: table.text(doc, "holder", "say who keeps the record of what was left"),
        basis: table.text(doc, "basis", "say on what ground it is kept"),
        until: table.text(doc, "until", "say until when it is kept"),
    }
}

pub(super) fn target(doc: &mut Doc<'_>, root: &Section<'_>, ids: &Ids<'_>) -> Target {
    const KNOWN: &[&str] = &[
        "media",
        "live",
        "inspect",
        "deleted",
        "unallocated",
        "slack",
        "snapshots",
        "streams",
        "unread_volumes",
        "closed",
        "containers",
    ];
    let table = required(doc, root, "target", KNOWN, &[]);
    only(doc, &table, "snapshots", "never", &["catalogue", "hold"]);
    let looks = inspect(doc, &table);
    Target {
        media: media(doc, &table),
        live: table.maybe_flag(doc, "live").unwrap_or(false),
        inspect: looks.clone(),
        streams: table.maybe_flag(doc, "streams").unwrap_or(true),
        deleted: deleted(doc, &table, ids),
        unallocated: held(doc, &table, "unallocated", ids),
        slack: held(doc, &table, "slack", ids),
        unread_volumes: unread_volumes(doc, &table),
        closed: globs(doc, &table, "closed", Glob::path),
        containers: table.get("containers").map(|value| containers(doc, value, &looks)),
    }
}

/// `[target.containers]`. Opening one is a look at its content, once its type is known: both must be allowed.
fn containers<'d>(doc: &mut Doc<'_>, value: &'d Value<'d>, looks: &[Look]) -> Containers {
    let family = "members are decided one by one; include what belongs together by the path of its container";
    let table =
        Section::open(doc, "[target.containers]", value, &["open", "max_depth"], &[("family", family)]);
    table.need(
        doc,
        "open",
        "write open = [\"zip\", \"gzip\", \"tar\"], or those of them that are to be opened",
    );
    let mut asked = Vec::new();
    for (span, word) in table.texts(doc, "open") {
        if Containers::FORMS.contains(&word) {
            asked.push(word);
        } else {
            let hint = format!("expected some of {}", Containers::FORMS.join(", "));
            doc.report(span, format!("`{}` is not a container that is opened", shown(word)), Some(hint));
        }
    }
    table.need(doc, "max_depth", "say how many containers may lie in each other, as in max_depth = 2");
    let max_depth = table.maybe_number(doc, "max_depth").unwrap_or(1);
    if !(1..=Containers::MAX_DEPTH).contains(&max_depth) {
        let message = format!("`max_depth` is not between 1 and {}", Containers::MAX_DEPTH);
        doc.report(table.span_of("max_depth"), message, None);
    }
    for look in [Look::Type, Look::Content] {
        if !looks.contains(&look) {
            let look = look.word();
            let hint = format!("add \"{look}\" to `inspect`, or leave `containers` out");
            let message =
                format!("[target.containers] needs the look `{look}`, which `inspect` does not allow");
            doc.report(value.span(), message, Some(hint));
        }
    }
    let open = Containers::FORMS.into_iter().filter(|form| asked.contains(form)).collect();
    Containers { open, max_depth }
}

fn deleted(doc: &mut Doc<'_>, table: &Section<'_>, ids: &Ids<'_>) -> Deleted {
    if table.maybe_text(doc, "deleted").as_deref() == Some("catalogue") {
        return Deleted::Catalogue;
    }
    held(doc, table, "deleted", ids).map_or(Deleted::Never, Deleted::Hold)
}

/// `never`, or `hold:` and a compartment.
fn held(doc: &mut Doc<'_>, table: &Section<'_>, key: &str, ids: &Ids<'_>) -> Option<String> {
    let text = table.maybe_text(doc, key)?;
    match text.split_once(':') {
        None if text == "never" => None,
        Some(("hold", compartment)) => {
            check_reference(doc, table.span_of(key), compartment, &ids.compartments, "compartment");
            Some(compartment.to_owned())
        }
        _ => {
            let catalogue = if key == "deleted" { ", \"catalogue\"" } else { "" };
            let hint = format!("write \"never\"{catalogue}, or \"hold:\" and a compartment");
            let message = format!("`{}` is not a value of `{key}`", shown(&text));
            doc.report(table.span_of(key), message, Some(hint));
            None
        }
    }
}

fn unread_volumes(doc: &mut Doc<'_>, table: &Section<'_>) -> UnreadVolumes {
    let Some(found) = table.maybe_text(doc, "unread_volumes") else { return UnreadVolumes::Name };
    match found.as_str() {
        "preserve" => return UnreadVolumes::Preserve,
        "name" => {}
        _ => {
            let hint = "write \"name\" to have such volumes named alone, or \"preserve\" to have them kept whole, for the court";
            let message = format!("`{}` is not a value of `unread_volumes`", shown(&found));
            doc.report(table.span_of("unread_volumes"), message, Some(hint.to_owned()));
        }
    }
    UnreadVolumes::Name
}

/// A field of which this version has one value alone, beside those that the caller took.
fn only(doc: &mut Doc<'_>, table: &Section<'_>, key: &str, value: &str, later: &[&str]) {
    let Some(found) = table.maybe_text(doc, key) else { return };
    let hint = Some(format!("write {key} = \"{value}\", or leave it out"));
    let word = found.split_once(':').map_or(found.as_str(), |(word, _)| word);
    if later.contains(&word) {
        let message = format!("`{key}` = \"{}\" is not supported in this version", shown(&found));
        doc.report(table.span_of(key), message, hint);
    } else if found != value {
        doc.report(table.span_of(key), format!("`{}` is not a value of `{key}`", shown(&found)), hint);
    }
}

fn media(doc: &mut Doc<'_>, table: &Section<'_>) -> Vec<MediaSpec> {
    table.need(doc, "media", "write media = [{ label = \"...\", serial = \"...\" }]");
    let known: Vec<&str> =
        std::iter::once("label").chain(MediumIdKind::ALL.into_iter().map(MediumIdKind::word)).collect();
    let mut labels = BTreeSet::new();
    let mut media = Vec::new();
    for value in table.values(doc, "media") {
        let entry = Section::open(doc, "an entry of `media`", value, &known, &[]);
        let label = entry.text(doc, "label", "give the medium a label");
        if !label.is_empty() && !label.bytes().any(|c| c.is_ascii_alphanumeric()) {
            let hint =
                "control numbers begin with the label's letters and digits, A to Z and 0 to 9".to_owned();
            doc.report(entry.span_of("label"), "the label has no letter or digit", Some(hint));
        }
        if !label.is_empty() && !labels.insert(label.clone()) {
            doc.report(entry.span_of("label"), format!("two media are called `{label}`"), None);
        }
        let mut ids = Vec::new();
        for kind in MediumIdKind::ALL {
            let Some(text) = entry.maybe_text(doc, kind.word()) else { continue };
            check_identity(doc, entry.span_of(kind.word()), kind, &text);
            ids.push((kind, text));
        }
        let named = MediumIdKind::ALL.into_iter().any(|kind| entry.get(kind.word()).is_some());
        if !named && matches!(value.get_ref(), DeValue::Table(_)) {
            let hint =
                format!("give at least one of {}", MediumIdKind::ALL.map(MediumIdKind::word).join(", "));
            doc.report(value.span(), "nothing identifies this medium", Some(hint));
        }
        media.push(MediaSpec { label, ids });
    }
    media
}

/// An identity that can be written in one way alone is written in that way: in any other, no medium would show it.
fn check_identity(doc: &mut Doc<'_>, span: Range<usize>, kind: MediumIdKind, text: &str) {
    let groups = |sizes: &[usize], separator: char, fits: fn(char) -> bool| {
        let parts: Vec<&str> = text.split(separator).collect();
        parts.len() == sizes.len()
            && parts.iter().zip(sizes).all(|(part, size)| part.len() == *size && part.chars().all(fits))
    };
    let hex = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    let (fits, hint) = match kind {
        MediumIdKind::ImageSha256 => {
            check_hex_digest(doc, span, text);
            return;
        }
        MediumIdKind::MdUuid => (
            groups(&[8; 4], ':', hex),
            "write four groups of eight lower-case hex digits with colons between them, as `mdadm --detail` prints the UUID of an array",
        ),
        MediumIdKind::VgUuid => (
            groups(&[6, 4, 4, 4, 4, 4, 6], '-', |c| c.is_ascii_alphanumeric() || matches!(c, '!' | '#')),
            "write it as `vgs -o vg_uuid` prints it: groups of 6, 4, 4, 4, 4, 4 and 6 characters with hyphens between them",
        ),
        MediumIdKind::MbrSignature => (
            groups(&[8], ':', hex) && text != "00000000",
            "write eight lower-case hex digits without 0x, as `fdisk -l` prints the identifier of a disk, and not all zeros",
        ),
        MediumIdKind::Serial
        | MediumIdKind::Wwn
        | MediumIdKind::Gpt
        | MediumIdKind::Fsuuid
        | MediumIdKind::AssetTag => return,
    };
    if !fits {
        doc.report(
            span,
            format!("`{}` is no value of `{}`", shown(text), kind.word()),
            Some(hint.to_owned()),
        );
    }
}

/// 64 lower-case hex digits.
pub(super) fn check_hex_digest(doc: &mut Doc<'_>, span: Range<usize>, text: &str) -> Option<Digest> {
    let digest = unhex(text).and_then(|bytes| bytes.try_into().ok()).map(Digest);
    if digest.is_none() {
        let hint = "write 64 lower-case hex digits, as `sha256sum` prints them".to_owned();
        doc.report(span, format!("`{}` is not a SHA-256 value", shown(text)), Some(hint));
    }
    digest
}

fn inspect(doc: &mut Doc<'_>, table: &Section<'_>) -> Vec<Look> {
    table.need(doc, "inspect", "list the looks that the tool may take: metadata, type, hash, content");
    let words = Look::ALL.map(|look| (look.word(), look));
    let mut looks = BTreeSet::new();
    for value in table.values(doc, "inspect") {
        if let Some(look) = one_of(doc, value, "inspect", &words)
            && !looks.insert(look)
        {
            doc.report(value.span(), format!("`{}` stands twice in `inspect`", look.word()), None);
        }
    }
    if !looks.is_empty() && !looks.contains(&Look::Metadata) {
        let hint = "every look begins there; add \"metadata\"".to_owned();
        doc.report(table.span_of("inspect"), "`inspect` lacks `metadata`", Some(hint));
    }
    looks.into_iter().collect()
}

/// Globs, each faulty one reported at the place of the fault.
pub(super) fn globs(
    doc: &mut Doc<'_>,
    table: &Section<'_>,
    key: &str,
    read: fn(&str) -> Result<Glob, crate::glob::GlobError>,
) -> Vec<Glob> {
    let mut globs = Vec::new();
    for (span, text) in table.raw_strings(doc, key) {
        match read(text) {
            Ok(glob) => globs.push(glob),
            Err(error) => {
                // The span covers the quotes. With escapes in the TOML string, offsets differ: point at all of it.
                let plain = span.len() == text.len().saturating_add(2) && error.at < text.len();
                let at = span.start.saturating_add(1).saturating_add(error.at);
                let place = if plain { at..span.end.saturating_sub(1) } else { span };
                doc.report(place, format!("bad glob `{}`: {error}", shown(text)), error.hint.clone());
            }
        }
    }
    globs
}

pub(super) fn limits(doc: &mut Doc<'_>, root: &Section<'_>) -> Limits {
    let Some(value) = root.get("limits") else { return Limits::default() };
    let table = Section::open(doc, "[limits]", value, &["items", "bytes"], &[]);
    if let Some(DeValue::Table(target)) = root.get("target").map(|target| target.get_ref())
        && target.iter().any(|(key, _)| key.get_ref() == "containers")
        && table.get("items").is_some()
    {
        let hint = "a limit of items could end the capture within a container; `bytes` counts a container with what is in it";
        let message = "`items` of [limits] beside [target.containers] is not supported in this version";
        doc.report(table.span_of("items"), message, Some(hint.to_owned()));
    }
    let mut limit = |key: &str| {
        let limit = table.maybe_number(doc, key);
        if limit == Some(0) {
            doc.report(table.span_of(key), format!("`{key}` = 0 would capture nothing"), None);
        }
        limit
    };
    Limits { items: limit("items"), bytes: limit("bytes") }
}

pub(super) fn defaults(doc: &mut Doc<'_>, root: &Section<'_>, ids: &Ids<'_>) -> Defaults {
    let known = ["unknown", "path_case", "zoneless_times", "not_searchable"];
    let table = required(doc, root, "defaults", &known, &[]);
    let cases = [
        ("as-volume", PathCase::AsVolume),
        ("sensitive", PathCase::Sensitive),
        ("insensitive", PathCase::Insensitive),
    ];
    let searchable = [("no-hit", NotSearchable::NoHit), ("unknown", NotSearchable::Unknown)];
    let zoneless = table.maybe_text(doc, "zoneless_times");
    let zoneless_times = zoneless.as_deref().and_then(offset);
    if zoneless.is_some() && zoneless_times.is_none() {
        let hint = "write a fixed offset such as \"-05:00\"".to_owned();
        doc.report(table.span_of("zoneless_times"), "`zoneless_times` is not an offset", Some(hint));
    }
    Defaults {
        unknown: unknown(doc, &table, ids),
        path_case: table.word(doc, "path_case", &cases).unwrap_or(PathCase::AsVolume),
        zoneless_times,
        not_searchable: table
            .maybe_word(doc, "not_searchable", &searchable)
            .unwrap_or(NotSearchable::Unknown),
    }
}

fn unknown(doc: &mut Doc<'_>, table: &Section<'_>, ids: &Ids<'_>) -> UnknownDefault {
    const HINT: &str = "write \"left\", or \"hold:\" and a compartment";
    let text = table.text(doc, "unknown", HINT);
    match text.split_once(':') {
        None if text == "left" => UnknownDefault::Left,
        Some(("hold", compartment)) => {
            check_reference(doc, table.span_of("unknown"), compartment, &ids.compartments, "compartment");
            UnknownDefault::Hold(compartment.to_owned())
        }
        _ => {
            if !text.is_empty() {
                doc.report(table.span_of("unknown"), "not a value of `unknown`", Some(HINT.to_owned()));
            }
            UnknownDefault::Left
        }
    }
}

pub(super) fn owned(texts: Vec<(Range<usize>, &str)>) -> Vec<String> {
    texts.into_iter().map(|(_, text)| text.to_owned()).collect()
}
