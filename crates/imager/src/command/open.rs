//! `ambit open`: one set, checked against its inventory, then laid out.
//!
//! ```text
//! OUT/manifest-0001.jsonl       the rows of each part, as they were signed
//! OUT/items.tsv                 control number, outcome, size, SHA-256, how much of it the medium gave, escaped name:
//!                               one line per name, or per item without one, with its place in brackets
//! OUT/objects/KC07-C-0000012    the preserved bytes, under control numbers
//! OUT/paths/var/log/...         on request: the same bytes under their escaped original paths
//! ```
//!
//! Everything is written to `OUT.partial` and renamed once the whole set has
//! passed: what is not checked is not handed on. All of it is made durable at
//! once before that, and nothing is lost by waiting: an opening that breaks off
//! is thrown away whole, and the package has everything still.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use age::Identity;
use chrono::Local;
use custody::Disk;
use evidence::acquisition::{Acquisition, SetName};
use evidence::files::Files as _;
use evidence::holder::{CheckedSet, SetCheck};
use evidence::inventory::Inventory;
use evidence::item::Control;
use evidence::manifest::Row;
use evidence::opener::verify_then_read;
use evidence::report::Intact;
use evidence::strict;
use evidence::verify::{Verified, VerifyOptions, inventory_of, verify_with};
use folder::{Counted, Folder, Temporary};
use indicatif::HumanBytes;
use scope::facts::Fact;
use scope::{Outcome, Policy, RawName};
use serde_json::json;

use crate::cli::OpenArgs;
use crate::console::{Console, Context as _, Exit, Failure, NextStep as _};
use crate::{load, progress};

pub(super) fn open(args: &OpenArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let set = named(args)?;
    let (_, trust_bytes) = load::trust(&args.trust)?;
    let identities = load::identities(&args.identity, args.passphrase_file.as_deref(), console)?;
    let files = Folder::open(&args.package).context(args.package.display())?;
    let options = VerifyOptions { now: Some(Local::now().fixed_offset()), ..VerifyOptions::default() };
    // What was judged is what is used: nothing of the package but its parts is read a second time.
    let (counts, all) = (files.counts(), files.bytes().unwrap_or(0));
    let checking = |_| {
        let read = counts.of(Counted::Read);
        format!("open: checking the package: {} of {} read", HumanBytes(read.min(all)), HumanBytes(all))
    };
    let Verified { report, acquisition, policy, .. } =
        progress::watch(args.progress, &checking, || verify_with(&files, &trust_bytes, &options));
    let (Intact::Yes, Some(acquisition), Some(policy)) = (report.intact, acquisition, policy) else {
        return Err(Failure::no(format!("{} is not intact; nothing was opened", args.package.display()))
            .hint(format!("ambit-verify {} --trust {}", args.package.display(), args.trust.display())));
    };
    let inventory = inventory_of(&files, &acquisition).map_err(Failure::no)?;
    let judged = Judged { files, acquisition, policy, inventory };
    let partial = partial(&args.out)?;
    let mut rows = Rows::default();
    let laid_out = Laid::default();
    let laying = |seconds: f64| laid_out.told(seconds);
    let laid = progress::watch(args.progress, &laying, || {
        lay_out(args, &set, &judged, &identities, &partial, (&mut rows, &laid_out)).and_then(|checked| {
            laid_out.durable.store(true, Ordering::Relaxed);
            Disk::new().sync_file_system(&partial).context("opened set")?;
            Ok(checked)
        })
    });
    let checked = match laid {
        Ok(checked) => checked,
        Err(failure) => {
            // Content that did not pass is not evidence, and nobody should find it lying there.
            let _ = fs::remove_dir_all(&partial);
            return Err(failure);
        }
    };
    Disk::new().rename(&partial, &args.out).context("opened set")?;
    let text = format!(
        "set {set}: {} items, {} objects, {} bytes; {} listed; rows, objects and inventory lines are one to one\n\
         objects under their control numbers in {}; names in items.tsv, escaped",
        checked.items,
        checked.objects,
        checked.bytes,
        checked.listed,
        args.out.join("objects").display()
    );
    let mut partial_note = match checked.partial {
        0 => String::new(),
        n => format!(
            "\nWARNING: of {n} objects not every byte could be read; items.tsv has `partial:` and the ranges beside them"
        ),
    };
    if checked.unread > 0 {
        partial_note += &format!(
            "\nWARNING: of {} of these not one byte could be read: they are zeros here. Of a file in an archive, the packed bytes are in the archive, if that was kept whole; otherwise their content is on the original alone",
            checked.unread
        );
    }
    if rows.unread > 0 {
        partial_note += &format!(
            "\nWARNING: of {} items not all could be read that is recorded of one: a folder's list, or everything but a name; items.tsv has `unread` beside them",
            rows.unread
        );
    }
    if rows.without_path > 0 {
        let without_path = rows.without_path;
        console.say(format_args!(
            "note: {without_path} objects could not be laid under their paths; they lie in objects/"
        ));
    }
    let value = json!({
        "set": set,
        "items": checked.items,
        "objects": checked.objects,
        "bytes": checked.bytes,
        "listed": checked.listed,
        "partial": checked.partial,
        "unread": checked.unread,
        "unread_items": rows.unread,
        "out": args.out.display().to_string(),
    });
    console.result(&value, text + &partial_note)?;
    Ok(if report.departures.is_empty() { Exit::Done } else { Exit::Departures })
}

/// Rows of which there is something to say at the end.
#[derive(Debug, Default)]
struct Rows {
    /// Objects that could not be laid under their paths.
    without_path: u64,
    /// Items without an object of which the medium did not give all that is recorded of one.
    unread: u64,
}

/// How much was laid out so far.
#[derive(Debug, Default)]
struct Laid {
    objects: AtomicU64,
    bytes: AtomicU64,
    /// All of it was, and the disk takes it up.
    durable: AtomicBool,
}

impl Laid {
    fn told(&self, seconds: f64) -> String {
        if self.durable.load(Ordering::Relaxed) {
            return "open: waiting until the disk has taken up all of it".to_owned();
        }
        let (objects, bytes) = (self.objects.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed));
        let rate = HumanBytes((bytes as f64 / seconds) as u64);
        format!("open: {objects} objects checked and laid out, {} ({rate}/s)", HumanBytes(bytes))
    }
}

/// The file that every row is compared with, once more, at the end.
const INVENTORY: &str = "meta/inventory.txt";

/// A package as it was verified.
struct Judged {
    files: Folder,
    acquisition: Acquisition,
    policy: Policy,
    inventory: Inventory,
}

fn partial(out: &Path) -> Result<PathBuf, Failure> {
    if out.symlink_metadata().is_ok() {
        return Err(Failure::new(format!("{} exists; nothing is overwritten", out.display()))
            .hint("give another --out; nothing was opened"));
    }
    let mut name = out.as_os_str().to_owned();
    name.push(".partial");
    let partial = PathBuf::from(name);
    fs::create_dir(&partial).context(partial.display()).or_hint(
        "an opening that broke off leaves this folder: remove it, or give another --out that can be made; nothing was opened",
    )?;
    fs::create_dir(partial.join("objects")).context(partial.display())?;
    Ok(partial)
}

/// The set that `--set` names; fails at once, with the sets that there are, where it is none of them. What the package says of its sets
/// is a hint here: it is checked before anything is opened.
fn named(args: &OpenArgs) -> Result<SetName, Failure> {
    let stated = load::read(&args.package.join("meta/acquisition.json"), MAX_ACQUISITION).ok();
    let stated = stated.and_then(|bytes| strict::from_json::<Acquisition>(&bytes).ok());
    let sets = stated.map(|stated| stated.sets).unwrap_or_default().into_iter().map(|stated| stated.set);
    let sets: Vec<SetName> = sets.filter(|set| *set != SetName::Ledger).collect();
    let names = sets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let hint = match sets.len() {
        0 => "`captured`, or `held:` and the name of a compartment of the policy".to_owned(),
        1 => format!("the package has the set {names} alone"),
        _ => format!("the package has the sets {names}"),
    };
    let set: SetName =
        args.set.parse().context(format_args!("--set {}", args.set.escape_debug())).or_hint(&hint)?;
    if set == SetName::Ledger {
        return Err(
            Failure::new("the ledger is not laid out").hint(format!("`ambit-verify audit` reads it; {hint}"))
        );
    }
    if !sets.is_empty() && !sets.contains(&set) {
        return Err(Failure::new(format!("the package has no set {set}")).hint(hint));
    }
    Ok(set)
}

fn lay_out(
    args: &OpenArgs,
    set: &SetName,
    judged: &Judged,
    identities: &[Box<dyn Identity>],
    out: &Path,
    (counts, laid): (&mut Rows, &Laid),
) -> Result<CheckedSet, Failure> {
    let Judged { files, acquisition, policy, inventory } = judged;
    let statement = acquisition.sets.iter().find(|stated| stated.set == *set);
    let statement = statement.ok_or_else(|| Failure::new(format!("the package has no set {set}")))?;
    let scratch = Temporary::new();
    let mut check = SetCheck::new(acquisition, set, inventory, Some(policy), &scratch)
        .ok_or_else(|| Failure::new(format!("the set {set} cannot be opened")))?;
    let mut items = BufWriter::new(File::create_new(out.join("items.tsv")).context("items.tsv")?);
    writeln!(items, "control\toutcome\tsize\tsha256\tread\tname").context("items.tsv")?;
    for part in &statement.parts {
        let sealed = files.open(&part.file).context(&part.file)?;
        let zip = verify_then_read(sealed, identities).context(&part.file).map_err(|failure| {
            failure.hint("is this the identity of a holder of this set? nothing was laid out")
        })?;
        let mut objects = Objects { folder: out.join("objects"), open: None, laid };
        let checked = check
            .part(zip, &mut |control, bytes| objects.take(control, bytes))
            .map_err(|error| Failure::no(format!("{}: {error}", part.file)))?;
        objects.close();
        let name = format!("manifest-{:04}.jsonl", part.number);
        fs::write(out.join(&name), checked.manifest()).context(name)?;
        for row in checked.rows() {
            row_line(&row.context(&part.file)?, args, out, &mut items, counts)?;
        }
    }
    items.flush().context("items.tsv")?;
    let lines = files.open(INVENTORY).context(INVENTORY)?;
    check.finish(lines).map_err(|error| Failure::no(error.to_string()))
}

/// Writes objects as they come, one file each, under their control numbers: names that we gave.
struct Objects<'a> {
    folder: PathBuf,
    open: Option<File>,
    laid: &'a Laid,
}

impl Objects<'_> {
    fn take(&mut self, control: &Control, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            self.close();
            self.open = Some(File::create_new(self.folder.join(control.to_string()))?);
            self.laid.objects.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        self.laid.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        match &mut self.open {
            Some(file) => file.write_all(bytes),
            None => Err(io::Error::other("content before its object")),
        }
    }

    /// Its bytes are made durable with all others, at the end.
    fn close(&mut self) {
        self.open = None;
    }
}

/// One line per name of an item, and, where asked for, the object under that name.
fn row_line(
    row: &Row,
    args: &OpenArgs,
    out: &Path,
    items: &mut BufWriter<File>,
    counts: &mut Rows,
) -> Result<(), Failure> {
    let opened = match row {
        Row::Object(opened) | Row::Listed(opened) => opened,
        Row::Held(held) => {
            return writeln!(items, "{}\theld\t{}\t-\t-\t-", held.control, held.size_class)
                .context("items.tsv");
        }
    };
    let decision = opened.opening.decision().context("manifest")?;
    let object = opened.opening.object().context("manifest")?;
    let facts: Vec<Fact> = opened.opening.facts().context("manifest")?.into_iter().flatten().collect();
    let unread = |fact: &Fact| matches!(fact, Fact::Attribute(attribute) if attribute.is_unread());
    let (size, sha256, read) = match &object {
        Some(object) => (
            object.size.to_string(),
            object.sha256.hex(),
            read_of(&object.unreadable, object.trouble.as_deref()),
        ),
        None if facts.iter().any(unread) => {
            counts.unread += 1;
            ("-".to_owned(), "-".to_owned(), "unread".to_owned())
        }
        None => ("-".to_owned(), "-".to_owned(), "-".to_owned()),
    };
    let control = &opened.control;
    if !facts.iter().any(|fact| matches!(fact, Fact::Name(_))) {
        // A range of a volume, free space, what is left of a deleted file: known by where it is.
        let place = place_of(&facts);
        writeln!(items, "{control}\t{}\t{size}\t{sha256}\t{read}\t{place}", decision.outcome)
            .context("items.tsv")?;
    }
    for fact in facts {
        let Fact::Name(name) = fact else { continue };
        writeln!(items, "{control}\t{}\t{size}\t{sha256}\t{read}\t{name}", decision.outcome)
            .context("items.tsv")?;
        if args.original_paths && object.is_some() && decision.outcome != Outcome::Listed {
            let object = out.join("objects").join(control.to_string());
            // A courtesy: what cannot be written under its path lies under its control number all the same.
            if lay_under_path(&object, &path_below(&out.join("paths"), &name), control).is_err() {
                counts.without_path += 1;
            }
        }
    }
    Ok(())
}

/// How much of an object the medium gave: `complete`, or `partial:4096-8192,12288-12800`, the ranges where zeros stand in the place
/// of bytes that could not be read, so that size is the item's, and SHA-256 that of no file; or `doubtful: ...` where it gave
/// every byte and something was amiss all the same, as when the item changed meanwhile.
fn read_of(unreadable: &[(u64, u64)], trouble: Option<&str>) -> String {
    let ranges: Vec<String> = unreadable.iter().map(|(from, to)| format!("{from}-{to}")).collect();
    match (ranges.is_empty(), trouble) {
        (true, None) => "complete".to_owned(),
        (true, Some(trouble)) => format!("doubtful: {}", RawName(trouble.as_bytes().to_vec())),
        (false, _) => format!("partial:{}", ranges.join(",")),
    }
}

/// Where an item without a name is, in brackets: `[gpt:3 bytes:0-131072]`. A name begins with a slash.
fn place_of(facts: &[Fact]) -> String {
    let (mut volume, mut node) = (String::new(), String::new());
    for fact in facts {
        match fact {
            Fact::Volume(text) => volume.clone_from(text),
            Fact::Node(text) => node.clone_from(text),
            _ => {}
        }
    }
    let text = format!("{volume} {node}");
    format!("[{}]", RawName(text.trim().as_bytes().to_vec()))
}

/// Copies an object to its path; where two names come to one path, the second carries its control number.
fn lay_under_path(object: &Path, path: &Path, control: &Control) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut to = match File::create_new(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let mut name = path.as_os_str().to_owned();
            name.push(format!("_{control}"));
            File::create_new(name)?
        }
        other => other?,
    };
    io::copy(&mut File::open(object)?, &mut to).map(drop)
}

/// The escaped form of a name, below `root`: every component non-empty, none `.` or `..`, none hidden, none too long.
fn path_below(root: &Path, name: &RawName) -> PathBuf {
    let mut path = root.to_owned();
    for part in name.bytes().split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
        let escaped: String = RawName(part.to_vec())
            .to_string()
            .chars()
            .map(|c| if matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|') { '_' } else { c })
            .collect();
        // A leading underscore keeps `..`, device names and hidden files from meaning anything.
        path.push(format!("_{}", escaped.get(..escaped.len().min(MAX_NAME)).unwrap_or_default()));
    }
    path
}

/// Longest component written: most file systems take 255 bytes.
const MAX_NAME: usize = 200;

/// Longest `acquisition.json` that is asked for the names of the sets.
const MAX_ACQUISITION: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_object_says_which_bytes_are_missing() {
        let check = |ranges: &[(u64, u64)], expected: &str| assert_eq!(read_of(ranges, None), expected);
        check(&[], "complete");
        check(&[(4096, 8192)], "partial:4096-8192");
        check(&[(0, 512), (1024, 1536)], "partial:0-512,1024-1536");
        let changed = "changed during reading: its size\n";
        assert_eq!(read_of(&[], Some(changed)), "doubtful: changed during reading: its size%0A");
        assert_eq!(read_of(&[(0, 512)], Some(changed)), "partial:0-512");
    }
}
