//! What is asked of a destination before anybody signs: a signed start stays on the log.
//!
//! ```text
//! names free, folder writable, names of a package possible    tried out, and removed again
//! not on the medium                                           by device number and by path
//! room                                                        the last plan, against what is free
//! longest file                                                FAT: 4 GiB, against --part-size and the plan
//! ```

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use custody::Disk;
use custody::durable::{free_bytes, longest_file, low_water, on_one_disk};
use custody::mirror::Loss;
use custody::package::{TRY_OUT, partial_path};
use evidence::acquisition::SetName;
use evidence::trust::Trust;
use scope::Policy;
use serde_json::{Value, json};

use crate::cli::{CaptureArgs, CompressionArg};
use crate::console::{Console, Failure};
use crate::progress::Expected;

/// Bytes of ledger, manifest, inventory and archive for each item, in round numbers from the captures that were measured.
const PER_ITEM: u64 = 1 << 10;

/// Bytes of a part beside its items: manifest, archive, encryption. In round numbers.
const PER_PART: u64 = 16 << 20;

/// The places of a package: one, or two copies that are made at once.
#[derive(Clone, Copy)]
pub(super) struct Places<'a> {
    outs: &'a [PathBuf],
}

/// What is known of what will be written.
pub(super) struct Need {
    /// What the last plan counted.
    pub(super) expected: Option<Expected>,
    /// Bytes of parts that are there already.
    pub(super) there: u64,
    /// Bytes of the medium.
    pub(super) medium: Option<u64>,
}

impl<'a> Places<'a> {
    /// Of the command line: the parser took one at least. Fails where one lies on the medium: nothing is tried out there.
    pub(super) fn of(args: &'a CaptureArgs) -> Result<Self, Failure> {
        let outs = args.out.as_slice();
        if outs.len() > 2 {
            return Err(Failure::new(format!("--out was given {} times", outs.len()))
                .hint("give it once, or twice for two copies; nothing was signed or read"));
        }
        if let [first, second] = outs {
            let absolute = |path: &Path| fs::canonicalize(folder(path)).ok().map(|at| at.join(name(path)));
            if absolute(first).is_some() && absolute(first) == absolute(second) {
                return Err(Failure::new(format!("both copies would be {}", first.display()))
                    .hint("give two --out, best on two disks; nothing was signed or read"));
            }
        }
        for out in outs {
            if let Some(medium) = args.examine.source.medium.iter().find(|medium| lies_on(out, medium)) {
                return Err(Failure::new(format!(
                    "{} lies on the medium {}",
                    out.display(),
                    medium.display()
                ))
                .hint("give another --out: a medium is never written to; nothing was signed or read"));
            }
        }
        Ok(Self { outs })
    }

    /// Fails where one of them lies in the case folder.
    pub(super) fn are_outside(self, case: &Path) -> Result<(), Failure> {
        let below = |out: &&PathBuf| match (fs::canonicalize(folder(out)), fs::canonicalize(case)) {
            (Ok(there), Ok(case)) => there.starts_with(case),
            _ => false,
        };
        match self.outs.iter().find(below) {
            None => Ok(()),
            Some(out) => Err(Failure::new(format!("{} lies in the case folder", out.display())).hint(
                "give another --out, best on a disk of its own: the case folder has the log, and the keys with which a broken package goes on; one fault would take both. Nothing was signed or read",
            )),
        }
    }

    /// The name by which both copies are named.
    pub(super) fn first(self) -> &'a Path {
        self.outs.first().map_or(Path::new(""), PathBuf::as_path)
    }

    /// The names of the copies that were not lost.
    pub(super) fn all_kept(self, loss: Option<&Loss>) -> impl Iterator<Item = &'a Path> {
        let lost = loss.map(|loss| loss.copy);
        (1..).zip(self.outs).filter(move |(number, _)| Some(*number) != lost).map(|(_, path)| path.as_path())
    }

    /// All of them.
    pub(super) fn all(self) -> &'a [PathBuf] {
        self.outs
    }

    /// The disk that writes to all of them.
    pub(super) fn disk(self, disk: &Disk) -> Disk {
        match self.outs {
            [first, second] => disk.clone().mirrored(first, second),
            _ => disk.clone(),
        }
    }

    /// Where the package is, for the summary.
    pub(super) fn told(self, loss: Option<&Loss>) -> String {
        let place = |(number, out): (usize, &PathBuf)| match loss.filter(|loss| loss.copy == number) {
            Some(_) => format!("{} was lost", out.display()),
            None => out.display().to_string(),
        };
        (1..).zip(self.outs).map(place).collect::<Vec<_>>().join("\nsecond copy    ")
    }

    /// As [`Places::told`], for `--json`.
    pub(super) fn copies(self, loss: Option<&Loss>) -> Value {
        let place = |(number, out): (usize, &PathBuf)| {
            let lost = loss.filter(|loss| loss.copy == number).map(|loss| &loss.why);
            json!({ "package": out.display().to_string(), "lost": lost })
        };
        (1..).zip(self.outs).map(place).collect()
    }

    /// Fails unless a package can be begun at each of them: names are free, and what a package is made of can be written.
    pub(super) fn can_be_made(
        self,
        policy: &Policy,
        trust: &Trust,
        console: &Console<'_>,
    ) -> Result<(), Failure> {
        for out in self.outs {
            if out.symlink_metadata().is_ok() {
                return Err(Failure::new(format!("{} exists; nothing is overwritten", out.display()))
                    .hint("give another --out; nothing was signed or read"));
            }
            let partial = partial_path(out);
            if partial.is_dir() {
                return Err(Failure::new(format!(
                    "{}: an unfinished capture stays under that name",
                    partial.display()
                ))
                .hint(format!(
                    "go on with it: {}; or give another --out; nothing was signed or read",
                    console.how_to_resume()
                )));
            }
            try_out(&partial, policy, trust).map_err(|(path, error)| {
                Failure::new(format!("{}: {error}", path.display()))
                    .hint("give another --out, on a disk that can be written to and takes such names; nothing was signed or read")
            })?;
        }
        Ok(())
    }

    /// Fails where one of them has too little space.
    pub(super) fn have_room(
        self,
        args: &CaptureArgs,
        need: &Need,
        console: &mut Console<'_>,
    ) -> Result<(), Failure> {
        self.outs.iter().try_for_each(|out| has_room(out, args, need, console))
    }

    /// Fails where one of them has too little space, or takes no files as long as may be made.
    pub(super) fn are_fit(
        self,
        args: &CaptureArgs,
        need: &Need,
        console: &mut Console<'_>,
    ) -> Result<(), Failure> {
        if let [first, second] = self.outs
            && on_one_disk(folder(first), folder(second))
        {
            console.say("warning: both copies are on one disk: if it fails, both are lost; give the second --out on another");
        }
        self.have_room(args, need, console)?;
        for out in self.outs {
            if let Some(longest) = longest_file(folder(out)) {
                takes_parts(out, longest, args.part_size, need.expected)?;
            }
        }
        Ok(())
    }
}

/// Tells of a copy that was lost. `true` where one was.
pub(super) fn tell_loss(loss: Option<&Loss>, console: &mut Console<'_>) -> bool {
    let Some(loss) = loss else { return false };
    console.say(lost(loss));
    true
}

/// That a copy was lost, in words.
pub(super) fn lost(loss: &Loss) -> String {
    let Loss { copy, place, why, .. } = loss;
    format!("warning: copy {copy} of 2, {}, was lost: {why}; the other copy goes on", place.display())
}

/// How parts were read back, for the summary.
pub(super) fn read_back(disk: &Disk) -> String {
    let (direct, asked) = counts(disk);
    let mut told = format!("{direct} files past the system's memory (O_DIRECT)");
    if asked > 0 {
        told += &format!(
            "; {asked} after the system was asked to forget them (POSIX_FADV_DONTNEED), which it need not have done"
        );
    }
    told
}

/// As [`read_back`], for `--json`.
pub(super) fn read_back_value(disk: &Disk) -> Value {
    let (direct, asked) = counts(disk);
    json!({ "direct": direct, "asked": asked })
}

fn counts(disk: &Disk) -> (u64, u64) {
    let counts = disk.read_back();
    (counts.direct.load(Ordering::Relaxed), counts.asked.load(Ordering::Relaxed))
}

/// Makes and removes an unfinished package with the names that this one will have.
fn try_out(partial: &Path, policy: &Policy, trust: &Trust) -> Result<(), (PathBuf, io::Error)> {
    fs::create_dir(partial).map_err(|error| (partial.to_owned(), error))?;
    let made = names_of(policy, trust).try_for_each(|name| {
        let path = partial.join(name);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| {
            let file = fs::File::create_new(&path)?;
            io::Write::write_all(&mut &file, TRY_OUT)?;
            file.sync_all()
        });
        written.map_err(|error| (path, error))
    });
    let removed = fs::remove_dir_all(partial).map_err(|error| (partial.to_owned(), error));
    made.and(removed)
}

/// The files of a package whose names another file system may refuse: those that policy and trust file give.
fn names_of(policy: &Policy, trust: &Trust) -> impl Iterator<Item = String> {
    let held = policy.compartments().iter().map(|compartment| SetName::Held(compartment.id.clone()).file(1));
    let seals = trust
        .principals()
        .iter()
        .map(|principal| format!("seal/tagmanifest-sha256.txt.{}.sig", principal.name));
    let own = [".work/journal.jsonl", "custody/.new-000001/event.json", "data/ledger-0001.jsonl.gz.age"];
    held.chain(seals).chain(own.map(str::to_owned)).collect::<Vec<_>>().into_iter()
}

/// Fails where a plan says that there is too little space; tells what is known where there is no plan.
fn has_room(out: &Path, args: &CaptureArgs, need: &Need, console: &mut Console<'_>) -> Result<(), Failure> {
    if !folder(out).is_dir() {
        return Err(Failure::new(format!("{}: that folder is not there", folder(out).display())).hint(
            "mount its disk, or make the folder, and give the command again; of two copies, the --out of the other alone goes on without this one",
        ));
    }
    let (free, stays) = (free_bytes(folder(out)), low_water(folder(out)));
    let planned = need.expected.map_or(0, |plan| {
        plan.kept_bytes.saturating_add(plan.items.saturating_mul(PER_ITEM)).saturating_sub(need.there)
    });
    let needed = planned.saturating_add(stays);
    if free <= stays || free < needed && !args.tight {
        let by = need.expected.map_or(String::new(), |plan| {
            let before = if args.compression == CompressionArg::None { "" } else { ", before compression" };
            format!(
                "the last plan counted {} items and {} bytes to keep{before}, and ",
                plan.items, plan.kept_bytes
            )
        });
        let out = out.display();
        if free <= stays {
            return Err(Failure::new(format!(
                "{out}: {free} bytes are free, and {stays} are left free by every capture: nothing fits"
            ))
            .hint("free space there, or give another --out; what is begun already goes elsewhere with `ambit package move`; of two copies, the --out of the other alone goes on without this one"));
        }
        return Err(Failure::new(format!(
            "{out}: {free} bytes are free, and {needed} may be needed: {by}{stays} stay free"
        ))
        .hint("free space there, or give another --out; or --tight, if you know that the content shrinks: a capture that runs out of space stops in order, and `ambit package move` brings what there is to another disk, where it is resumed"));
    }
    if let (None, Some(bytes)) = (need.expected, need.medium.filter(|bytes| *bytes > free)) {
        console.say(format_args!(
            "note: {free} bytes are free at {}, and the medium has {bytes}; `ambit plan` counts what will be kept. The capture stops in order before {stays} bytes are left",
            out.display()
        ));
    }
    Ok(())
}

/// Fails where a file of the package can become longer than its file system takes.
fn takes_parts(out: &Path, longest: u64, part_size: u64, expected: Option<Expected>) -> Result<(), Failure> {
    let out = out.display();
    if part_size > longest / 2 {
        return Err(Failure::new(format!(
            "{out}: its file system (FAT) takes files of at most {longest} bytes, and with --part-size {part_size} there can be longer ones"
        ))
        .hint("give --part-size 1073741824 or less, or another destination; nothing was signed or read"));
    }
    let largest = expected.map_or(0, |plan| plan.largest);
    if part_size.saturating_add(largest).saturating_add(PER_PART) > longest {
        let hint = match largest.saturating_add(PER_PART) < longest / 2 {
            true => "give a smaller --part-size; nothing was signed or read",
            false => "give a destination with another file system (exFAT, ext4); nothing was signed or read",
        };
        return Err(Failure::new(format!(
            "{out}: its file system (FAT) takes files of at most {longest} bytes, the last plan keeps an item of {largest}, an item is never split, and --part-size is {part_size}"
        ))
        .hint(hint));
    }
    Ok(())
}

/// Whether a destination lies on a medium: below its folder or mount, or on the device or a partition of it.
fn lies_on(out: &Path, medium: &Path) -> bool {
    let (Ok(there), Ok(of)) = (fs::canonicalize(folder(out)), fs::canonicalize(medium)) else { return false };
    let (Ok(place), Ok(medium)) = (fs::metadata(&there), fs::metadata(&of)) else { return false };
    if medium.is_dir() {
        let up = of.parent().and_then(|up| fs::metadata(up).ok());
        let is_mount = up.is_none_or(|up| up.dev() != medium.dev());
        return there.starts_with(&of) || is_mount && place.dev() == medium.dev();
    }
    // A partition's folder in /sys lies below its disk's.
    let device = |number: u64| {
        let (major, minor) = (rustix::fs::major(number), rustix::fs::minor(number));
        fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")).ok()
    };
    medium.file_type().is_block_device()
        && match (device(place.dev()), device(medium.rdev())) {
            (Some(place), Some(medium)) => place.starts_with(medium),
            _ => place.dev() == medium.rdev(),
        }
}

/// The folder in which a package will lie.
fn folder(out: &Path) -> &Path {
    match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The name that a package will have in its folder.
fn name(out: &Path) -> &Path {
    out.file_name().map_or(Path::new(""), Path::new)
}
