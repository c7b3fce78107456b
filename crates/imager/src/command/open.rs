//! `ambit open`: one set, checked against its inventory, then laid out.
//!
//! ```text
//! OUT/manifest-0001.jsonl       the rows of each part, as they were signed
//! OUT/items.tsv                 control number, outcome, size, SHA-256, escaped name: one line per name
//! OUT/objects/KC07-C-0000012    the preserved bytes, under control numbers
//! OUT/paths/var/log/...         on request: the same bytes under their escaped original paths
//! ```
//!
//! Everything is written to `OUT.partial` and renamed once the whole set has
//! passed: what is not checked is not handed on.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

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
use evidence::verify::{Verified, VerifyOptions, inventory_of, verify_with};
use folder::Folder;
use scope::facts::Fact;
use scope::{Outcome, Policy, RawName};
use serde_json::json;

use crate::cli::OpenArgs;
use crate::console::{Console, Context as _, Exit, Failure};
use crate::load;

pub(super) fn open(args: &OpenArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let set: SetName = args.set.parse().context(format_args!("--set {}", args.set.escape_debug()))?;
    if set == SetName::Ledger {
        return Err(Failure::new("the ledger is not laid out").hint("`ambit-verify audit` reads it"));
    }
    let (_, trust_bytes) = load::trust(&args.trust)?;
    let identities = load::identities(&args.identity, args.passphrase_file.as_deref(), console)?;
    let files = Folder::open(&args.package).context(args.package.display())?;
    let options = VerifyOptions { now: Some(Local::now().fixed_offset()), ..VerifyOptions::default() };
    // What was judged is what is used: nothing of the package but its parts is read a second time.
    let Verified { report, acquisition, policy, .. } = verify_with(&files, &trust_bytes, &options);
    let (Intact::Yes, Some(acquisition), Some(policy)) = (report.intact, acquisition, policy) else {
        return Err(Failure::no(format!("{} is not intact; nothing was opened", args.package.display()))
            .hint(format!("ambit-verify {} --trust {}", args.package.display(), args.trust.display())));
    };
    let inventory = inventory_of(&files, &acquisition).map_err(Failure::no)?;
    let judged = Judged { files, acquisition, policy, inventory };
    let partial = partial(&args.out)?;
    let mut without_path = 0;
    let laid = lay_out(args, &set, &judged, &identities, &partial, &mut without_path);
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
    let partial_note = match checked.partial {
        0 => String::new(),
        n => format!("\nnote: of {n} objects the medium did not give every byte; their rows list the ranges"),
    };
    if without_path > 0 {
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
        "out": args.out.display().to_string(),
    });
    console.result(&value, text + &partial_note)?;
    Ok(if report.departures.is_empty() { Exit::Done } else { Exit::Departures })
}

/// A package as it was verified.
struct Judged {
    files: Folder,
    acquisition: Acquisition,
    policy: Policy,
    inventory: Inventory,
}

fn partial(out: &Path) -> Result<PathBuf, Failure> {
    if out.symlink_metadata().is_ok() {
        return Err(Failure::new(format!("{} exists; nothing is overwritten", out.display())));
    }
    let mut name = out.as_os_str().to_owned();
    name.push(".partial");
    let partial = PathBuf::from(name);
    fs::create_dir(&partial).context(partial.display())?;
    fs::create_dir(partial.join("objects")).context(partial.display())?;
    Ok(partial)
}

fn lay_out(
    args: &OpenArgs,
    set: &SetName,
    judged: &Judged,
    identities: &[Box<dyn Identity>],
    out: &Path,
    without_path: &mut u64,
) -> Result<CheckedSet, Failure> {
    let Judged { files, acquisition, policy, inventory } = judged;
    let statement = acquisition.sets.iter().find(|stated| stated.set == *set).ok_or_else(|| {
        let names: Vec<_> = acquisition.sets.iter().map(|stated| stated.set.to_string()).collect();
        Failure::new(format!("the package has no set {set}")).hint(format!("it has {}", names.join(", ")))
    })?;
    let mut check = SetCheck::new(acquisition, set, inventory, Some(policy))
        .ok_or_else(|| Failure::new(format!("the set {set} cannot be opened")))?;
    let mut items = File::create_new(out.join("items.tsv")).context("items.tsv")?;
    writeln!(items, "control\toutcome\tsize\tsha256\tname").context("items.tsv")?;
    for part in &statement.parts {
        let sealed = files.open(&part.file).context(&part.file)?;
        let zip = verify_then_read(sealed, identities).context(&part.file).map_err(|failure| {
            failure.hint("is this the identity of a holder of this set? nothing was laid out")
        })?;
        let mut objects = Objects { folder: out.join("objects"), open: None };
        let checked = check
            .part(zip, &mut |control, bytes| objects.take(control, bytes))
            .map_err(|error| Failure::no(format!("{}: {error}", part.file)))?;
        objects.close().context(&part.file)?;
        let name = format!("manifest-{:04}.jsonl", part.number);
        fs::write(out.join(&name), checked.manifest()).context(name)?;
        for row in checked.rows() {
            row_line(&row.context(&part.file)?, args, out, &mut items, without_path)?;
        }
    }
    items.sync_all().context("items.tsv")?;
    check.finish().map_err(|error| Failure::no(error.to_string()))
}

/// Writes objects as they come, one file each, under their control numbers: names that we gave.
struct Objects {
    folder: PathBuf,
    open: Option<File>,
}

impl Objects {
    fn take(&mut self, control: &Control, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            self.close()?;
            self.open = Some(File::create_new(self.folder.join(control.to_string()))?);
            return Ok(());
        }
        match &mut self.open {
            Some(file) => file.write_all(bytes),
            None => Err(io::Error::other("content before its object")),
        }
    }

    fn close(&mut self) -> io::Result<()> {
        self.open.take().map_or(Ok(()), |file| file.sync_all())
    }
}

/// One line per name of an item, and, where asked for, the object under that name.
fn row_line(
    row: &Row,
    args: &OpenArgs,
    out: &Path,
    items: &mut File,
    without_path: &mut u64,
) -> Result<(), Failure> {
    let opened = match row {
        Row::Object(opened) | Row::Listed(opened) => opened,
        Row::Held(held) => {
            return writeln!(items, "{}\theld\t{}\t-\t-", held.control, held.size_class).context("items.tsv");
        }
    };
    let decision = opened.opening.decision().context("manifest")?;
    let object = opened.opening.object().context("manifest")?;
    let (size, sha256) = match &object {
        Some(object) => (object.size.to_string(), object.sha256.hex()),
        None => ("-".to_owned(), "-".to_owned()),
    };
    for fact in opened.opening.facts().context("manifest")?.into_iter().flatten() {
        let Fact::Name(name) = fact else { continue };
        let control = &opened.control;
        writeln!(items, "{control}\t{}\t{size}\t{sha256}\t{name}", decision.outcome).context("items.tsv")?;
        if args.original_paths && object.is_some() && decision.outcome != Outcome::Listed {
            let object = out.join("objects").join(control.to_string());
            // A courtesy: what cannot be written under its path lies under its control number all the same.
            if lay_under_path(&object, &path_below(&out.join("paths"), &name), control).is_err() {
                *without_path += 1;
            }
        }
    }
    Ok(())
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
    io::copy(&mut File::open(object)?, &mut to)?;
    to.sync_all()
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
