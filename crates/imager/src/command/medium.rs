//! `ambit medium`: what a medium is, without and with the names on it.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use custody::Signer;
use evidence::event::{Action, Examine};
use evidence::trust::Step;
use scope::facts::{Kind, Stamp};
use scope::{Digest, RawName};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use source::{
    Entry, Form, ImageError, Layer, LayerState, MediumDigests, OpenError, OpenOptions, Opened, Source,
    WalkEvent, WalkOptions,
};

use crate::cli::{MediumInfoArgs, MediumListArgs};
use crate::console::{Console, Context as _, Exit, Failure};
use crate::{load, workplace};

/// `ambit medium info`: layers, volumes, gaps, counters. No name of a file, and no event: nothing was looked into.
pub(super) fn info(args: &MediumInfoArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let opened = open(&args.medium, args.image_form, console)?;
    let digests = match (&opened.image, args.digest) {
        (Some(image), true) => Some(workplace::whole_digest(image, &opened.medium.stored)?),
        _ => None,
    };
    let wrong = digests.as_ref().is_some_and(|found| found.differing().next().is_some());
    let value = info_value(&opened, digests.as_ref());
    console.result(&value, info_text(&opened, digests.as_ref()))?;
    Ok(if wrong { Exit::No } else { Exit::Done })
}

/// `ambit medium list`: every item as a line of JSON. Where a case is open, its log says that somebody looked.
pub(super) fn list(args: &MediumListArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    if !args.i_may_see_names {
        return Err(Failure::new(
            "a listing shows the names of files, which the order may not let everybody see",
        )
        .hint("give --i-may-see-names if you may; `ambit medium info` shows none"));
    }
    let opened = open(&args.medium, args.image_form, console)?;
    let sources: Vec<&dyn Source> = opened
        .sources
        .iter()
        .map(AsRef::as_ref)
        .filter(|source| args.volume.as_deref().is_none_or(|wanted| wanted == place(&source.info().place)))
        .collect();
    if sources.is_empty() {
        let volume = args.volume.as_deref().map(|volume| format!(" at `{volume}`")).unwrap_or_default();
        return Err(Failure::new(format!("there is no file system{volume} that can be read"))
            .hint("`ambit medium info` prints the places of the volumes"));
    }
    put_on_log(args, &opened, console)?;
    let mut issues = 0_u64;
    for source in sources {
        let options =
            WalkOptions { deleted: args.deleted, unallocated: args.unallocated, ..WalkOptions::default() };
        let mut failed = None;
        source
            .walk_with(&options, &mut |event| match event {
                WalkEvent::Issue(issue) => {
                    issues += 1;
                    let at = issue.locator.map(|locator| format!("{locator}: ")).unwrap_or_default();
                    console.say(format_args!("note: {at}{}", issue.what));
                    ControlFlow::Continue(())
                }
                WalkEvent::Item(entry) => {
                    let line = line(source, &entry, args.digest);
                    match console.line(&line) {
                        Ok(()) => ControlFlow::Continue(()),
                        Err(error) => {
                            failed = Some(error);
                            ControlFlow::Break(())
                        }
                    }
                }
            })
            .context(format_args!("volume {}", source.info().volume))?;
        if let Some(failure) = failed {
            return Err(failure);
        }
    }
    if issues > 0 {
        console.say(format_args!("note: {issues} places of the medium could not be walked"));
    }
    Ok(Exit::Done)
}

fn open(paths: &[PathBuf], form: Option<Form>, console: &Console<'_>) -> Result<Opened, Failure> {
    // Layers and counters are read without a write blocker's proof: nothing is taken.
    let options = OpenOptions { writable_source: true, bare: true, form, reader: console.reader().clone() };
    source::open_set(paths, &options).map_err(|error| {
        let hint = match &error {
            // The error itself says what to do.
            OpenError::Image { error: ImageError::TwoForms { .. }, .. } | OpenError::Unsupported { .. } => "",
            OpenError::Image { .. } => {
                "nothing was read: give the whole image as its maker wrote it, every segment in one folder, or image the drive again"
            }
            _ => "give the path of an image, a device, or a folder where the medium is mounted read-only",
        };
        let failure = Failure::new(format!("medium: {error}"));
        if hint.is_empty() { failure } else { failure.hint(hint) }
    })
}

/// Says on the case's log that names were looked at, where there is a case.
fn put_on_log(args: &MediumListArgs, opened: &Opened, console: &mut Console<'_>) -> Result<(), Failure> {
    if args.case.dir.is_none() && workplace::find_case(&args.case, Path::new(".")).is_err() {
        console.say("note: no case folder here: this look is on no custody log");
        return Ok(());
    }
    let (mut case, trust) = workplace::open_case(&args.case, Path::new("."))?;
    let signers = load::signers(&args.signing, &trust, Step::Examine, console)?;
    workplace::need_quorum(&trust, Step::Examine, &signers)?;
    let tool = workplace::tool()?;
    let signed_by: Vec<&Signer> = signers.iter().collect();
    let medium = workplace::bare_statement(opened, &case.file().medium_label);
    let purpose = "list".to_owned();
    let action = Action::Examine(Examine { purpose, policy: None, medium, counts: BTreeMap::new() });
    let event = case.append(workplace::statement(action, "", &tool), &signed_by).context("custody log")?;
    console
        .say(format_args!("note: event {} says that the names on this medium were looked at", event.index));
    Ok(())
}

/// An item as a line of JSON. Names are escaped as in every record.
fn line(source: &dyn Source, entry: &Entry, with_digest: bool) -> Value {
    let facts = &entry.facts;
    let time = |stamp: &Stamp| json!({"of": stamp.of, "from": stamp.from, "ns": stamp.ns.to_string(), "zone": stamp.zone});
    let mut value = json!({
        "locator": entry.locator,
        "volume": place(&source.info().place),
        "paths": facts.names,
        "kind": facts.kind,
        "size": facts.size,
        "allocated": facts.allocated,
        "deleted": facts.kind == Kind::Deleted,
        "times": facts.times.iter().map(time).collect::<Vec<_>>(),
    });
    let Value::Object(fields) = &mut value else { return value };
    if let Some(target) = &facts.link_target {
        fields.insert("link_target".to_owned(), json!(RawName(target.0.clone())));
    }
    if with_digest && facts.kind.has_content() {
        match digest_of(source, entry) {
            Ok(digest) => fields.insert("sha256".to_owned(), json!(digest)),
            Err(error) => fields.insert("error".to_owned(), json!(error)),
        };
    }
    value
}

fn digest_of(source: &dyn Source, entry: &Entry) -> Result<Digest, String> {
    let mut stream = source.open(entry).map_err(|error| error.to_string())?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match stream.read(&mut buffer).map_err(|error| error.to_string())? {
            0 => return Ok(Digest(hash.finalize().into())),
            count => hash.update(buffer.get(..count).unwrap_or_default()),
        }
    }
}

fn info_value(opened: &Opened, digests: Option<&MediumDigests>) -> Value {
    let medium = &opened.medium;
    let ids: Vec<Value> =
        medium.ids.iter().map(|(kind, value)| json!({"kind": kind, "value": value})).collect();
    let volumes: Vec<Value> = opened
        .sources
        .iter()
        .map(|source| {
            let info = source.info();
            json!({
                "place": place(&info.place), "volume": info.volume, "file_system": info.file_system,
                "about_items": info.about_items,
            })
        })
        .collect();
    let stated = |(stated, computed): &(source::StoredDigest, Option<String>)| json!({"algorithm": stated.algorithm, "stated": stated.hex, "computed": computed});
    json!({
        "form": medium.form,
        "bytes": medium.size,
        "ids": ids,
        "writable": medium.writable,
        "layers": medium.layers,
        "volumes": volumes,
        "stored_digests": medium.stored,
        "sha256": digests.filter(|found| found.unreadable.is_empty()).map(|found| found.sha256),
        "sha256_with_zeros": digests.filter(|found| !found.unreadable.is_empty()).map(|found| found.sha256),
        "sha256_of_image": digests.and_then(|found| found.held),
        "unreadable": digests.map_or_else(|| known_bad(opened), |found| found.unreadable.clone()),
        "compared_digests": digests.map(|found| found.stated.iter().map(stated).collect::<Vec<_>>()),
        "limits": medium.limits,
    })
}

fn info_text(opened: &Opened, digests: Option<&MediumDigests>) -> String {
    let medium = &opened.medium;
    let cut = medium.cut_short().map(|limit| format!("WARNING: this medium is not whole: {limit}\n"));
    let mut text = cut.collect::<String>() + &format!("medium         {}\n", medium.form);
    if let Some(bytes) = medium.size {
        text += &format!("length         {bytes} bytes\n");
    }
    for (kind, value) in &medium.ids {
        text += &format!("{kind:<14} {value}\n");
    }
    text += &stored_text(medium, digests);
    let bad = if digests.is_none() { known_bad(opened) } else { Vec::new() };
    if !bad.is_empty() {
        let bytes = bad.iter().fold(0_u64, |sum, (from, to)| sum.saturating_add(to.saturating_sub(*from)));
        let count = bad.len();
        text +=
            &format!("unreadable     {bytes} bytes in {count} ranges, as far as is known without --digest\n");
    }
    if !medium.layers.is_empty() {
        text += "\nplace            first byte           bytes  what\n";
    }
    for layer in &medium.layers {
        let start = layer.start.map_or_else(|| "-".to_owned(), |start| start.to_string());
        text += &format!("{:<14} {start:>12} {:>15}  {}\n", shown_place(layer), layer.length, shown(layer));
    }
    for source in &opened.sources {
        let info = source.info();
        let items = info.about_items.map(|items| format!(", about {items} items")).unwrap_or_default();
        text += &format!("\n{}: {} ({}){items}", place(&info.place), info.file_system, info.volume);
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

/// The digests of the whole medium: what an image states, what was computed, and whether they are one.
fn stored_text(medium: &source::Medium, digests: Option<&MediumDigests>) -> String {
    let Some(found) = digests else {
        let told = |digest: &source::StoredDigest| {
            format!("{:<14} {}  as the image states; not computed (--digest)\n", digest.algorithm, digest.hex)
        };
        return medium.stored.iter().map(told).collect();
    };
    let mut text = match workplace::partial(found) {
        Some(partial) => format!("sha256         none: {partial}\n"),
        None => format!("sha256         {}  computed\n", found.sha256.hex()),
    };
    for (stated, computed) in &found.stated {
        let verdict = match computed {
            _ if !found.is_comparable() => {
                "as the image states; not compared, since not every byte of it could be read".to_owned()
            }
            Some(computed) if *computed == stated.hex => "as the image states, and as computed".to_owned(),
            Some(computed) => format!("as the image states; DIFFERS: computed {computed}"),
            None => "as the image states; not of a kind that is computed".to_owned(),
        };
        text += &format!("{:<14} {}  {verdict}\n", stated.algorithm, stated.hex);
    }
    text
}

fn shown_place(layer: &Layer) -> &str {
    if layer.state == LayerState::Gap { "  gap" } else { place(&layer.place) }
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

/// A place as a person types it.
fn place(place: &str) -> &str {
    if place.is_empty() { "." } else { place }
}
