//! `ambit policy hash-list`: other people's sets of digests, as a list that a policy can name.
//!
//! Sorted outside memory, each digest once: a list of any length is searched where it lies.

use std::io::{self, BufWriter};
use std::path::Path;

use catalogue::sets::{self, SetForm};
use custody::ListOnDisk;
use evidence::sorter::Sorter;
use folder::Temporary;
use scope::Digest;
use scope::render::counted;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::cli::{HashListArgs, SetArg};
use crate::console::{Console, Context as _, Exit, Failure, NextStep as _};

pub(super) fn make(args: &HashListArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let form = match args.from {
        SetArg::Nsrl => SetForm::Nsrl,
        SetArg::Hashdeep => SetForm::Hashdeep,
        SetArg::Digests => SetForm::Digests,
    };
    let scratch = Temporary::new();
    let mut sorter: Sorter<'_, 32> = Sorter::new(&scratch);
    let mut read = 0_u64;
    for path in &args.files {
        // A list is read where it lies, from anywhere in it.
        if path.metadata().is_ok_and(|found| !found.is_file()) {
            return Err(Failure::new(format!(
                "{} is no file, but a pipe, a folder or a device",
                path.display()
            ))
            .hint("write the list to a file first, and give that; nothing was written"));
        }
        at_rest(form, path)?;
        let list = ListOnDisk::open(path).context(path.display())?;
        let taken = sets::digests(form, &list, &mut |digest| sorter.add(digest.0));
        let taken = taken.context(path.display()).or_hint(
            "a set that lost something is not the set: mend the file, or get it anew; nothing was written",
        )?;
        read = read.saturating_add(taken);
    }
    if read == 0 {
        return Err(Failure::no("there is no digest in it; nothing was written"));
    }
    let new = console.disk().create_new(&args.out).context("list")?;
    let mut out = BufWriter::with_capacity(1 << 20, new);
    let (count, digest) = written(sorter, &mut out).context(args.out.display())?;
    let new = out.into_inner().map_err(io::IntoInnerError::into_error).context(args.out.display())?;
    new.finish().context("list")?;
    let name = args.out.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let text = format!(
        "{}, of {read} that were read: {}\n\n[list.ID]\nkind   = \"sha256\"\nlabel  = \"\"\nfile   = \"{name}\"\nsha256 = \"{}\"",
        counted(count, "digest"),
        args.out.display(),
        digest.hex()
    );
    let value = json!({ "file": args.out, "digests": count, "read": read, "sha256": digest.hex() });
    console.result(&value, text)?;
    Ok(Exit::Done)
}

/// Each digest once, ascending, a line each; how many, and the file's digest.
fn written(sorter: Sorter<'_, 32>, out: &mut impl io::Write) -> io::Result<(u64, Digest)> {
    let (mut last, mut count, mut whole) = (None, 0_u64, Sha256::new());
    for digest in sorter.sorted()? {
        let digest = Digest(digest?);
        if last == Some(digest) {
            continue;
        }
        last = Some(digest);
        let line = digest.hex() + "\n";
        whole.update(&line);
        out.write_all(line.as_bytes())?;
        count = count.saturating_add(1);
    }
    Ok((count, Digest(whole.finalize().into())))
}

/// A database beside which lie changes that are not in it yet is not what its owner published.
fn at_rest(form: SetForm, path: &Path) -> Result<(), Failure> {
    if form != SetForm::Nsrl {
        return Ok(());
    }
    for ending in ["-wal", "-journal"] {
        let mut beside = path.as_os_str().to_owned();
        beside.push(ending);
        let beside = Path::new(&beside);
        if beside.metadata().is_ok_and(|found| found.len() > 0) {
            return Err(Failure::new(format!(
                "{} has changes of the database that are not in it yet",
                beside.display()
            ))
            .hint("close the program that writes to it, or get the database anew"));
        }
    }
    Ok(())
}
