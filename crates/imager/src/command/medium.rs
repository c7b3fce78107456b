//! `ambit medium`: what a medium is, without and with the names on it.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Read as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use custody::Signer;
use evidence::event::{Action, Examine};
use evidence::trust::Step;
use indicatif::HumanBytes;
use scope::facts::{Kind, Stamp};
use scope::{Digest, RawName};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use source::{
    Entry, Form, Layer, LayerState, MediumDigests, OpenOptions, Opened, Source, WalkEvent, WalkOptions,
};

use crate::cli::{MediumInfoArgs, MediumListArgs, ProgressMode};
use crate::console::{Console, Context as _, Exit, Failure};
use crate::{digests, load, progress, workplace};

/// `ambit medium info`: layers, volumes, gaps, counters. No name of a file, and no event: nothing was looked into.
pub(super) fn info(args: &MediumInfoArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let opened = open(&args.medium, args.image_form, args.i_may_see_names, console)?;
    let digests = match args.digest {
        true => digests::all(&opened, &args.medium, args.image_form, console.reader())?,
        false => Vec::new(),
    };
    if args.digest && digests.is_empty() {
        console.say("note: a mounted folder has no digest of the whole medium; give the image or the device");
    }
    if opened.medium.writable {
        console.say(
            "WARNING: this medium can be written to: put a write blocker before it, or make it read-only (blockdev --setro, \
             mount -o ro), before anything else; `ambit plan` and `ambit capture` refuse it as it is",
        );
    }
    let wrong = digests.iter().any(|found| found.differing().next().is_some());
    let partial = opened.medium.cut_short().next().is_some()
        || digests.iter().any(|found| !found.unreadable.is_empty());
    let value = info_value(&opened, &digests);
    console.result(&value, info_text(&opened, &digests))?;
    Ok(match (wrong, partial) {
        (true, _) => Exit::No,
        (false, true) => Exit::Departures,
        (false, false) => Exit::Done,
    })
}

/// `ambit medium list`: every item as a line of JSON. Where a case is open, its log says that somebody looked.
pub(super) fn list(args: &MediumListArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    if !args.i_may_see_names {
        return Err(Failure::new(
            "a listing shows the names of files, which the order may not let everybody see",
        )
        .hint("give --i-may-see-names if you may; `ambit medium info` shows none"));
    }
    let opened = open(&args.medium, args.image_form, false, console)?;
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
    let (listed, read) = (AtomicU64::new(0), AtomicU64::new(0));
    let told = |seconds: f64| {
        let read = read.load(Ordering::Relaxed);
        let (listed, rate) = (listed.load(Ordering::Relaxed), HumanBytes((read as f64 / seconds) as u64));
        format!("list: {listed} items, {} read ({rate}/s)", HumanBytes(read))
    };
    // A line of progress would fall into the listing where both go to one terminal.
    let auto = if std::io::stdout().is_terminal() { ProgressMode::Off } else { ProgressMode::Auto };
    progress::watch(args.progress.unwrap_or(auto), &told, || -> Result<(), Failure> {
        for source in sources {
            let options = WalkOptions {
                deleted: args.deleted,
                unallocated: args.unallocated,
                ..WalkOptions::default()
            };
            let mut failed = None;
            let report = source
                .walk_with(&options, &mut |event| match event {
                    WalkEvent::Issue(issue) => {
                        issues += 1;
                        let at = issue.locator.map(|locator| format!("{locator}: ")).unwrap_or_default();
                        console.say(format_args!("note: {at}{}", issue.what));
                        ControlFlow::Continue(())
                    }
                    WalkEvent::Item(entry) => {
                        let line = line(source, &entry, args.digest, &read);
                        listed.fetch_add(1, Ordering::Relaxed);
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
            let at = place(&source.info().place);
            for limit in &report.limits {
                console.say(format_args!("note: {at}: {limit}"));
            }
            for (what, counted, stated) in
                report.coverage.iter().filter(|(_, counted, stated)| counted != stated)
            {
                console.say(format_args!(
                    "note: {at}: {what}: {counted} were seen, the medium itself counts {stated}"
                ));
            }
        }
        Ok(())
    })?;
    if issues > 0 {
        console.say(format_args!("note: {issues} places of the medium could not be walked"));
    }
    Ok(Exit::Done)
}

fn open(
    paths: &[PathBuf],
    form: Option<Form>,
    names: bool,
    console: &Console<'_>,
) -> Result<Opened, Failure> {
    // Layers and counters are read without a write blocker's proof: nothing is taken.
    let options =
        OpenOptions { writable_source: true, bare: true, form, names, reader: console.reader().clone() };
    source::open_set(paths, &options).map_err(|error| {
        let failure = Failure::new(format!("medium: {error}"));
        match workplace::not_opened(&error) {
            Some(hint) => failure.hint(format!("{hint}; nothing was read")),
            None => failure,
        }
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
fn line(source: &dyn Source, entry: &Entry, with_digest: bool, read: &AtomicU64) -> Value {
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
        match digest_of(source, entry, read) {
            Ok(digest) => fields.insert("sha256".to_owned(), json!(digest)),
            Err(error) => fields.insert("error".to_owned(), json!(error)),
        };
    }
    value
}

fn digest_of(source: &dyn Source, entry: &Entry, read: &AtomicU64) -> Result<Digest, String> {
    let mut stream = source.open(entry).map_err(|error| error.to_string())?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match stream.read(&mut buffer).map_err(|error| error.to_string())? {
            0 => return Ok(Digest(hash.finalize().into())),
            count => {
                read.fetch_add(count as u64, Ordering::Relaxed);
                hash.update(buffer.get(..count).unwrap_or_default());
            }
        }
    }
}

fn info_value(opened: &Opened, digests: &[MediumDigests]) -> Value {
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

fn info_text(opened: &Opened, digests: &[MediumDigests]) -> String {
    let medium = &opened.medium;
    let cut = medium.cut_short().map(|limit| format!("WARNING: this medium is not whole: {limit}\n"));
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
    for (kind, value) in &medium.ids {
        text += &format!("{kind:<14} {value}\n");
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

/// Ranges that are told on a screen.
const TOLD_RANGES: usize = 100;

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
