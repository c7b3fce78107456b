//! `ambit medium list`: every item of a medium, with its names.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Read as _};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use custody::Signer;
use evidence::event::{Action, Examine};
use evidence::trust::Step;
use indicatif::HumanBytes;
use scope::Digest;
use sha2::{Digest as _, Sha256};
use source::{Entry, Opened, Source, WalkEvent, WalkOptions};

use super::{counts, line, open, place};
use crate::cli::{ListFormat, MediumListArgs, ProgressMode};
use crate::console::{Console, Context as _, Exit, Failure};
use crate::{load, progress, workplace};

/// `ambit medium list`: every item as a line. Where a case is open, its log says that somebody looked.
pub(in crate::command) fn list(args: &MediumListArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
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
    if args.format == ListFormat::Bodyfile && sources.len() > 1 {
        return Err(Failure::new("a bodyfile is of one file system, and several are on this medium")
            .hint("give --volume PLACE; `ambit medium info` prints the places of the volumes"));
    }
    if args.format == ListFormat::Bodyfile && args.digest {
        return Err(Failure::new("a bodyfile has room for an MD5 alone, and --digest computes SHA-256")
            .hint("leave --digest out, or give --format lines or json"));
    }
    put_on_log(args, &opened, console)?;
    let mut differ = opened.medium.cut_short().next().is_some();
    let (mut issues, mut unread, mut covered) = (0_u64, 0_u64, Vec::new());
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
            if args.format == ListFormat::Lines {
                let info = source.info();
                console.text(&format!(
                    "# {}: {} ({})\n",
                    place(&info.place),
                    info.file_system,
                    info.volume
                ))?;
            }
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
                        listed.fetch_add(1, Ordering::Relaxed);
                        let digest = (args.digest && entry.facts.kind.has_content())
                            .then(|| digest_of(source, &entry, &read));
                        unread += u64::from(matches!(digest, Some(Err(_))));
                        let written = match args.format {
                            ListFormat::Json => console.line(&line::value(source, &entry, digest)),
                            ListFormat::Lines => console.text(&line::text(&entry, digest)),
                            ListFormat::Bodyfile => console.text(&line::body(&entry)),
                        };
                        match written {
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
            counts::tell(&source.info().place, &report, console);
            // As `info --count`: one exit code for one fact.
            differ |= report.issues > 0 || counts::differing(&report).next().is_some();
            covered.push(format!("{}:{}", place(&source.info().place), counts::covered(&report)));
        }
        Ok(())
    })?;
    if issues > 0 {
        console.say(format_args!("note: {issues} places of the medium could not be walked"));
    }
    if unread > 0 {
        console.say(format_args!(
            "WARNING: {unread} items could not be read wholly: their lines say why in place of a digest"
        ));
    }
    for told in covered {
        console.say(told);
    }
    Ok(if differ || unread > 0 { Exit::Departures } else { Exit::Done })
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
