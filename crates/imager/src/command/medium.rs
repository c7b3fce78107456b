//! `ambit medium`: what a medium is, without and with the names on it.

mod counts;
mod line;
mod listing;
mod shown;
mod tree;

use std::path::PathBuf;

use source::{Form, OpenOptions, Opened};

use crate::cli::MediumInfoArgs;
use crate::console::{Console, Exit, Failure};
use crate::{digests, workplace};

pub(super) use listing::list;

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
    let counts = if args.count { counts::count(&opened, console)? } else { Vec::new() };
    let partial = partial || counts.iter().any(counts::Counts::differ);
    let value = shown::value(&opened, &digests, &counts);
    console.result(&value, shown::text(&opened, &digests, &counts))?;
    Ok(match (wrong, partial) {
        (true, _) => Exit::No,
        (false, true) => Exit::Departures,
        (false, false) => Exit::Done,
    })
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

/// A place as a person types it.
fn place(place: &str) -> &str {
    if place.is_empty() { "." } else { place }
}
