//! What `ambit medium info` prints, for programs and for people.

use scope::identity::FSUUID_OF_COPY;
use serde_json::{Value, json};
use source::{Layer, LayerState, MediumDigests, Opened, Within};

use super::counts::Counts;
use super::{place, tree};
use crate::digests;

/// The result for programs.
pub(super) fn value(opened: &Opened, digests: &[MediumDigests], counts: &[Counts]) -> Value {
    let medium = &opened.medium;
    let ids: Vec<Value> =
        medium.ids.iter().map(|(kind, value)| json!({"kind": kind, "value": value})).collect();
    let volumes: Vec<Value> = opened
        .sources
        .iter()
        .enumerate()
        .map(|(at, source)| {
            let info = source.info();
            let mut volume = json!({
                "place": place(&info.place), "volume": info.volume, "file_system": info.file_system,
                "about_items": info.about_items,
            });
            if let (Some(counts), Value::Object(fields)) = (counts.get(at), &mut volume) {
                fields.insert("counted".to_owned(), counts.value());
            }
            volume
        })
        .collect();
    let stated = |(stated, computed): &(source::StoredDigest, Option<String>)| json!({"algorithm": stated.algorithm, "stated": stated.hex, "computed": computed});
    let of_drive = |found: &MediumDigests| {
        let whole = found.unreadable.is_empty();
        json!({
            "sha256": whole.then_some(found.sha256),
            "sha256_with_zeros": (!whole).then_some(found.sha256),
            "sha256_of_image": found.held,
            "unreadable": found.unreadable,
            "zeros": found.zeros,
            "compared_digests": found.stated.iter().map(stated).collect::<Vec<_>>(),
        })
    };
    let mut value = json!({
        "form": medium.form,
        "bytes": medium.size,
        "ids": ids,
        "ids_within": medium.within,
        "writable": medium.writable,
        "layers": medium.layers,
        "volumes": volumes,
        "stored_digests": medium.stored,
        "limits": medium.limits,
    });
    if !medium.said.is_empty()
        && let Value::Object(fields) = &mut value
    {
        fields.insert(
            "said".to_owned(),
            medium.said.iter().map(|(about, text)| json!([about, text])).collect(),
        );
    }
    let Value::Object(fields) = &mut value else { return value };
    match digests {
        [] | [_] => {
            let unread = || json!({ "unreadable": known_bad(opened) });
            let own = digests.first().map_or_else(unread, of_drive);
            for name in
                ["sha256", "sha256_with_zeros", "sha256_of_image", "unreadable", "zeros", "compared_digests"]
            {
                fields.insert(name.to_owned(), own.get(name).cloned().unwrap_or_default());
            }
        }
        // In the order given: what is of drive 1 stands first.
        drives => _ = fields.insert("drives".to_owned(), drives.iter().map(of_drive).collect()),
    }
    value
}

/// The result for people.
pub(super) fn text(opened: &Opened, digests: &[MediumDigests], counts: &[Counts]) -> String {
    let medium = &opened.medium;
    let cut = medium.cut_short().map(|limit| format!("WARNING: {}: {limit}\n", source::warned_of(limit)));
    let differing = digests.iter().flat_map(MediumDigests::differing).map(|(stated, _)| {
        format!(
            "WARNING: the bytes do not have the {} that the image states: it is not as it was made\n",
            stated.algorithm
        )
    });
    let unread = digests.iter().any(|found| !found.unreadable.is_empty());
    let unread =
        unread.then_some("WARNING: not every byte of this medium could be read; the ranges are below\n");
    let mut text = cut.collect::<String>()
        + &differing.collect::<String>()
        + unread.unwrap_or_default()
        + &format!("medium         {}\n", medium.form);
    if let Some(bytes) = medium.size {
        text += &format!("length         {bytes} bytes\n");
    }
    let copied = |value: &String| medium.ids.contains(&(FSUUID_OF_COPY.to_owned(), value.clone()));
    for (kind, value) in medium.ids.iter().filter(|(kind, _)| kind != FSUUID_OF_COPY) {
        let whose = if kind == "fsuuid" && copied(value) { OF_COPY } else { "" };
        text += &format!("{kind:<14} {value}{whose}\n");
    }
    for Within { place, kind, value } in &medium.within {
        text += &format!("{kind:<14} {value}  within {place}: not an identity of this medium\n");
    }
    for (about, text_of_maker) in &medium.said {
        text += &format!("{about:<14} {text_of_maker}  as the image's maker wrote\n");
    }
    text += &stored_text(medium, digests);
    let bad = if digests.is_empty() { known_bad(opened) } else { Vec::new() };
    if !bad.is_empty() {
        let bytes = bad.iter().fold(0_u64, |sum, (from, to)| sum.saturating_add(to.saturating_sub(*from)));
        let count = bad.len();
        text +=
            &format!("unreadable     {bytes} bytes in {count} ranges, as far as is known without --digest\n");
    }
    text += &layers_text(&medium.layers);
    for (at, source) in opened.sources.iter().enumerate() {
        let info = source.info();
        let items = info.about_items.map(|items| format!(", about {items} items")).unwrap_or_default();
        text += &format!("\n{}: {} ({}){items}", place(&info.place), info.file_system, info.volume);
        text += &counts.get(at).map(Counts::text).unwrap_or_default();
    }
    for limit in medium.limits.iter().filter(|limit| !medium.cut_short().any(|cut| cut == *limit)) {
        text += &format!("\nnote: {limit}");
    }
    text
}

/// The ranges of a medium of one drive that are known as unreadable when it was opened: from its image's own list, or met meanwhile.
fn known_bad(opened: &Opened) -> Vec<(u64, u64)> {
    let drives = opened.drives.bad_ranges();
    let [drive] = drives.as_slice() else { return Vec::new() };
    drive.iter().map(|range| (range.start, range.end)).collect()
}

/// The digests of the whole medium, or of each drive of a set: what an image states, what was computed, whether they are
/// one; and the ranges that could not be read.
fn stored_text(medium: &source::Medium, digests: &[MediumDigests]) -> String {
    if digests.is_empty() {
        let told = |digest: &source::StoredDigest| {
            format!("{:<14} {}  as the image states; not computed (--digest)\n", digest.algorithm, digest.hex)
        };
        return medium.stored.iter().map(told).collect();
    }
    let mut text = String::new();
    for (number, found) in (1_usize..).zip(digests) {
        let (of, word) = match digests.len() {
            1 => ("the medium".to_owned(), "sha256".to_owned()),
            _ => (format!("drive {number}"), format!("sha256 drive {number}")),
        };
        text += &match digests::partial(found, &of) {
            Some(partial) => format!("{word:<14} none: {partial}\n"),
            None => format!("{word:<14} {}  computed\n", found.sha256.hex()),
        };
        if found.zeros {
            text += &format!("{:<14} every byte of {of} is zero\n", "wiped");
        }
        for (from, to) in found.unreadable.iter().take(TOLD_RANGES) {
            text += &format!("  unreadable   bytes {from} to {} of {of}\n", to.saturating_sub(1));
        }
        let more = found.unreadable.len().saturating_sub(TOLD_RANGES);
        if more > 0 {
            text += &format!("  unreadable   and {more} more ranges; --json has all of them\n");
        }
        for (stated, computed) in &found.stated {
            let verdict = match computed {
                _ if !found.is_comparable() => {
                    "as the image states; not compared, since not every byte of it could be read".to_owned()
                }
                Some(computed) if *computed == stated.hex => {
                    "as the image states, and as computed".to_owned()
                }
                Some(computed) => format!("as the image states; DIFFERS: computed {computed}"),
                None => "as the image states; not of a kind that is computed".to_owned(),
            };
            text += &format!("{:<14} {}  {verdict}\n", stated.algorithm, stated.hex);
        }
    }
    text
}

/// What is told of an identity that a copy alone shows.
const OF_COPY: &str = "  of a copy, in a volume whose beginning looks random: see the warning above";

/// Ranges that are told on a screen.
const TOLD_RANGES: usize = 100;

/// The layers as they lie in and on each other: what holds something stands before it, further left.
fn layers_text(layers: &[Layer]) -> String {
    let rows: Vec<(String, &Layer)> = tree::rows(layers)
        .into_iter()
        .map(|(depth, layer)| {
            let name = if layer.state == LayerState::Gap { "  gap" } else { place(&layer.place) };
            (format!("{:1$}{name}", "", depth.saturating_mul(2)), layer)
        })
        .collect();
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default().max(14);
    let mut text = String::new();
    if !rows.is_empty() {
        text += &format!("\n{:<width$}   first byte           bytes  what\n", "place");
    }
    for (name, layer) in rows {
        let start = layer.start.map_or_else(|| "-".to_owned(), |start| start.to_string());
        text += &format!("{name:<width$} {start:>12} {:>15}  {}\n", layer.length, shown(layer));
    }
    text
}

fn shown(layer: &Layer) -> String {
    let stated = if layer.stated.is_empty() { String::new() } else { format!(" ({})", layer.stated) };
    match &layer.state {
        LayerState::Read(_)
        | LayerState::Divided
        | LayerState::Blank
        | LayerState::Unknown
        | LayerState::Gap => {
            format!("{}{stated}", layer.what)
        }
        LayerState::Unread(why) => format!("{}{stated}, NOT READ: {why}", layer.what),
    }
}
