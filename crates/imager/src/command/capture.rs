//! `ambit capture`: examine, decide, keep or leave, seal.
//!
//! ```text
//! authority, quorum, medium       refused here: nothing was read
//! acquisition.start               signed by all, durable, before the first item; or acquisition.resume
//! look, decide, keep or leave     one pass; the record of every item
//! meta/acquisition.json           what was taken, and from what
//! acquisition.end                 what was counted, and the digest of that file
//! seal                            signatures, package.seal, checkpoint; OUT.partial becomes OUT
//! ```

mod after;
mod again;
mod amiss;
mod clock;
mod confirm;
mod limits;
mod refused;
mod sealing;
mod stopped;

use std::collections::BTreeMap;
use std::io::IsTerminal as _;

use custody::{
    CaseFolder, Closed, Compression, Ending, Options as Batches, PackageError, PackageWriter, Reading, Rest,
    SecretKey, SetRecipients, Setup, Signer,
};
use evidence::acquisition::{Departure, Extent, RecordLeft, RunNumber};
use evidence::event::{AcquisitionResume, AcquisitionStart, Action, Examine, Note, Tool};
use evidence::trust::{Step, Trust};
use scope::policy::{LeftRecord, UnreadVolumes};
use scope::{BundleFile, Policy};
use serde_json::{Value, json};
use source::Source;

use after::medium_after;
pub(super) use after::{failed, ranges};
use clock::Watch;
use limits::{limits, unwalked};
use refused::{can_be_asked, may_preserve_volumes, nothing_to_take, refuse_what_this_version_lacks};
use stopped::untold;
pub(super) use stopped::{can_be_resumed, not_kept};

use super::destination::{Need, Places, read_back, read_back_value, tell_loss};
use super::keeping::Keeping;
use super::plan::{cut_short, outcomes, summary, summary_value};
use super::resume::{self, Announced, Broken};
use crate::cli::{Addressee, CaptureArgs, CompressionArg, ImageArgs};
use crate::console::{Console, Context as _, Exit, Failure};
use crate::estimate;
use crate::load;
use crate::load::Passphrases;
use crate::pipeline;
use crate::progress::ByteProgress;
use crate::survey::{self, Counted, How};
use crate::workplace::{self, Ready};

/// `ambit capture`: the files of a medium.
pub(super) fn capture(args: &CaptureArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    acquire(args, Extent::Files, None, console)
}

/// As [`capture`], but for the sources, which the caller made: for tests of more items than any medium at hand has.
#[cfg(test)]
pub(crate) fn capture_made(
    args: &CaptureArgs,
    made: &[Box<dyn Source>],
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    acquire(args, Extent::Files, Some(made), console)
}

/// `ambit image --to court`: the volumes of a medium of which no file can be read, whole, for the court alone.
pub(super) fn image(args: &ImageArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let Addressee::Court = args.to;
    acquire(&args.capture, Extent::Volumes, None, console)
}

fn acquire(
    args: &CaptureArgs,
    extent: Extent,
    made: Option<&[Box<dyn Source>]>,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let loaded = load::policy(&args.examine.policy)?;
    let policy = &loaded.policy;
    refuse_what_this_version_lacks(policy)?;
    if extent == Extent::Volumes {
        may_preserve_volumes(policy)?;
    }
    let places = Places::of(args)?;
    let disk = console.disk().clone();
    let (case, case_trust) = workplace::open_case_on(&disk, &args.case, &loaded.folder)?;
    let (trust, _) = load::trust(&args.trust)?;
    if trust.digest() != case_trust.digest() {
        console.say("note: this trust file is not the one that the case was opened with");
    }
    let signers = load::signers(&args.signing, &trust, Step::AcquisitionStart, console)?;
    workplace::need_quorum(&trust, Step::AcquisitionStart, &signers)?;
    let passphrases = Passphrases::new(args.signing.passphrase_file.as_deref())?;
    let log_key = workplace::log_key(&case, &passphrases)?;
    can_be_asked(args.yes)?;
    let tool = workplace::tool()?;
    let setting = resume::setting(args, extent, &trust, tool.digest);
    let mut at_work = AtWork { args, places, extent, loaded: &loaded, case, trust, signers, log_key, tool };

    let (mut unfinished, mut announced) = (None, Announced::default());
    if args.resume {
        match resume::open(places, &disk, (&at_work.case, &at_work.trust), args, console)? {
            Broken::Anew => {}
            Broken::Complete(complete) => return at_work.complete(complete, console),
            Broken::GoesOn(found, said) => {
                resume::is_the_same(&found, policy.id(), at_work.trust.origin(), &setting)?;
                (unfinished, announced) = (Some(found), *said);
            }
        }
    } else {
        places.are_outside(at_work.case.root())?;
        places.can_be_made(policy, &at_work.trust, console)?;
        let runs = resume::unfinished_runs(&at_work.case);
        if runs > 0 {
            console.say(format_args!(
                "note: the case folder has the keys of {runs} unfinished captures; `--resume` with its --out goes on with one, and this begins another"
            ));
        }
    }
    let retaken = match &unfinished {
        Some(found) => {
            resume::not_needed(found, args, console);
            resume::retaken(found, &announced, args)?
        }
        None => None,
    };
    if let Some(found) = unfinished.take_if(|found| announced.seal.is_some() || found.ending().is_some()) {
        return at_work.ends_again(*found, announced, console);
    }
    if let Some(found) = &unfinished {
        announced.fits(found)?;
    }

    let there = unfinished.as_ref().map_or(0, |found| found.bytes());
    let planned = |label: &str| match extent {
        Extent::Files => estimate::last(&at_work.case, policy.id(), label),
        Extent::Volumes => None,
    };
    // Before hours go into a digest of the whole medium: what is known of the only one that the policy has.
    if let [only] = policy.target().media.as_slice()
        && let expected @ Some(_) = planned(&only.label)
    {
        places.have_room(args, &Need { expected, there, medium: None }, console)?;
    }
    let mut ready =
        workplace::ready(&args.examine.source, &loaded, &at_work.case, &at_work.trust, true, console)?;
    let expected = planned(&ready.medium.label);
    places.are_fit(args, &Need { expected, there, medium: ready.medium.size }, console)?;
    if let Some(found) = &unfinished {
        let unsaid = announced.unsaid(found).into_iter();
        let now = resume::older(found, args)?.into_iter().chain(retaken);
        ready.overrides.extend(unsaid.chain(now.filter(|own| !announced.says(own))));
    }
    let volumes = ready.opened.unread_sources();
    ready.tell_departures(console);
    let sources = match (made, extent) {
        (Some(made), _) => made,
        (None, Extent::Files) => ready.opened.sources.as_slice(),
        (None, Extent::Volumes) => volumes.as_slice(),
    };
    if sources.is_empty() {
        // That nothing is there to be read is a finding: it stands on the log, whatever comes of it.
        at_work.examined(&ready)?;
        return Err(nothing_to_take(extent, &ready.opened.medium));
    }
    if let Some(found) = &unfinished {
        resume::is_the_medium(found, &ready.medium)?;
        resume::is_approved_as_begun(&announced, &ready)?;
    }
    let run = match &unfinished {
        Some(found) => found.begun().package,
        None => custody::new_run_number().context("run number")?,
    };
    let run_key = SecretKey::generate("run").context("run key")?;
    let public_key = run_key.public_line();
    let mut stated = unfinished.as_ref().map(|found| announced.departures(found)).unwrap_or_default();
    let new: Vec<Departure> = ready.stated().into_iter().filter(|new| !stated.contains(new)).collect();
    stated.extend(new);
    // What an earlier process said before its key was announced is said again by this one.
    let is_said =
        |own: &&Departure| unfinished.as_ref().is_some_and(|found| found.departures().contains(own));
    let added = stated.iter().filter(|own| !is_said(own)).cloned().collect();
    let setup = Setup {
        origin: at_work.trust.origin().to_owned(),
        package: run,
        medium: ready.medium.clone(),
        policy: policy.id(),
        run_key,
        recipients: recipients(policy),
        record_left: match policy.record().left {
            LeftRecord::Facts => RecordLeft::Facts,
            LeftRecord::Counts => RecordLeft::Counts,
        },
        options: Batches {
            part_size: args.part_size,
            compression: compression(args.compression),
            ..Batches::default()
        },
        setting,
        departures: added,
    };
    // Key and journal stand before anybody signs: whatever is on the log can be resumed.
    let (mut counted, mut batch) = (Counted::default(), 1);
    let writer = match unfinished {
        None => PackageWriter::create(&places.disk(&disk), places.first(), &at_work.case.state(), setup),
        Some(found) => {
            counted = resume::counted(&found)?;
            batch = found.batches().saturating_add(1);
            console.say(format_args!("resumed after {} items in {} batches", found.items(), found.batches()));
            found.resume(setup)
        }
    };
    let writer = writer.context(format_args!("package {}", places.first().display()))?;
    tell_loss(writer.disk().loss().as_ref(), console);
    let watch = Watch::start();
    for left in clock::left_of(policy.authority(), &workplace::now()) {
        console.say(format_args!("note: {left}"));
    }

    for departure in &ready.overrides {
        at_work.append(Action::Override(departure.clone()))?;
    }
    let (began, medium) = (announced.start.map(|(_, when)| when), ready.medium.clone());
    if began.is_some() {
        let (package, policy) = (run, policy.id());
        let resume = AcquisitionResume { package, run_key: public_key, batch, policy, medium };
        at_work.append(Action::AcquisitionResume(resume))?;
    } else {
        at_work.append(Action::AcquisitionStart(AcquisitionStart {
            package: run,
            run_key: public_key,
            policy: policy.id(),
            medium,
            freshness: "not checked".to_owned(),
            writable_source: ready.writable_source.clone(),
            without_approval: ready.without_approval.clone(),
            write_blocker: args.write_blocker.clone(),
        }))?;
    }
    let (resumed, began) = (began.is_some(), began.unwrap_or_else(workplace::now));

    let keeping = Keeping::new(&writer, policy, console.interrupt(), &counted, &*ready.opened.drives);
    let how = How {
        looks: examine::Options { md5: args.md5, sha1: args.sha1, ..examine::Options::default() },
        pace: &args.pace,
        phase: "capture",
        expected,
        interrupt: console.interrupt(),
        before: counted,
        reader: console.reader(),
        drives: &*ready.opened.drives,
    };
    let walked = survey::survey(&how, policy, sources, &keeping);
    let (found, bad) = (keeping.amiss(), keeping.bad());
    let tally = match walked {
        Ok(tally) => tally,
        Err(failure) => {
            // What no journal commits is no use to anybody; where it cannot be removed, a resume will do it.
            tell_loss(writer.disk().loss().as_ref(), console);
            let committed = writer.has_committed();
            let _ = writer.discard_batch();
            // The log says how a run stopped even where nobody goes on with it.
            let text = format!("the acquisition {run} stopped before its end; it can be resumed");
            if let Err(unsaid) = at_work.append(Action::Note(Note { text })) {
                console.say(format_args!("warning: the custody log could not be told: {}", unsaid.message));
            }
            return Err(can_be_resumed(failure, committed, places, console));
        }
    };

    let ended = workplace::now();
    let (medium, altered) = medium_after(&ready, &bad, &args.examine.source, console)
        .map_err(|failure| can_be_resumed(failure, true, places, console))?;
    let mut limits = limits(&ready, &tally, policy, extent, &found);
    limits.extend(failed(medium.unreadable.as_ref()));
    limits.extend(bad.forgotten());
    let went_back = ended.at() < began.at();
    if let Some(moved) = watch.moved(&began, &ended) {
        let kind = if went_back { "departure" } else { "warning" };
        console.say(format_args!("{kind}: {moved}"));
        limits.push(moved);
    }
    let overran = clock::overran(policy.authority(), (&began, &ended), resumed);
    clock::tell(&overran, console);
    let is_lost =
        |limit: &&String| limit.contains(pipeline::NOT_WALKED) || limit.contains(source::ROOT_UNREAD);
    let mut lost: Vec<String> = tally.limits.iter().filter(is_lost).cloned().collect();
    lost.extend(unwalked(&tally));
    let cut_short: Vec<String> = ready.opened.medium.cut_short().map(str::to_owned).chain(lost).collect();
    let last = Counted {
        departs: ready.departs()
            || !stated.is_empty()
            || altered
            || !overran.is_empty()
            || went_back
            || found.partial > 0
            || tally.interrupted.is_some()
            || !cut_short.is_empty(),
        unread: ready.opened.unread.len(),
        altered,
        cut_short,
        amiss: found,
        tally,
        ..Counted::default()
    };
    let ending = Ending {
        tool: at_work.tool.clone(),
        began,
        ended,
        limits,
        layers: workplace::layers(&ready.opened),
        extent,
        walk: last.tally.walks.clone(),
        departures: stated,
        issues: last.tally.issues,
        interrupted: last.tally.interrupted.is_some(),
        medium,
        crew: serde_json::to_string(&last).context("journal")?,
    };
    let progress = ByteProgress::start_in(args.pace.progress, "reading back", 0);
    let told = |read, all| progress.bytes_of(read, all);
    let interrupt = console.interrupt();
    let in_order = interrupt.ends_in_order();
    let stop = || interrupt.is_asked();
    let closed = writer.close(ending, Reading { jobs: args.pace.jobs(), told: &told, stop: &stop });
    drop(in_order);
    progress.finish();
    let closed = closed.map_err(|error| match error {
        PackageError::Altered { .. } => not_kept(&error, places, console),
        PackageError::Stopped => can_be_resumed(pipeline::asked_to_stop(), true, places, console),
        error => can_be_resumed(Failure::of("package", &error), true, places, console),
    })?;
    at_work.conclude(closed, run, console).map_err(|failure| can_be_resumed(failure, true, places, console))
}

/// What a capture works with from its first signature to its last.
struct AtWork<'a> {
    args: &'a CaptureArgs,
    places: Places<'a>,
    extent: Extent,
    loaded: &'a load::LoadedPolicy,
    case: CaseFolder,
    trust: Trust,
    signers: Vec<Signer>,
    log_key: SecretKey,
    tool: Tool,
}

impl AtWork<'_> {
    fn append(&mut self, action: Action) -> Result<(), Failure> {
        let by: Vec<&Signer> = self.signers.iter().collect();
        self.case.append(workplace::statement(action, "", &self.tool), &by).context("custody log")?;
        Ok(())
    }

    /// Puts on the log that the medium was examined, and that nothing came of it.
    fn examined(&mut self, ready: &Ready) -> Result<(), Failure> {
        for departure in &ready.overrides {
            self.append(Action::Override(departure.clone()))?;
        }
        let action = Action::Examine(Examine {
            purpose: "capture".to_owned(),
            policy: Some(self.loaded.policy.id()),
            medium: ready.medium.clone(),
            counts: BTreeMap::new(),
        });
        let by: Vec<&Signer> = self.signers.iter().collect();
        let reason = ready.without_approval.clone().unwrap_or_default();
        self.case.append(workplace::statement(action, &reason, &self.tool), &by).context("custody log")?;
        Ok(())
    }

    /// From the last committed batch to the seal. All of it can be done again.
    fn conclude(
        &mut self,
        closed: Closed,
        run: RunNumber,
        console: &mut Console<'_>,
    ) -> Result<Exit, Failure> {
        let disk = closed.disk().clone();
        let announced = Announced::of(&self.case, run)?;
        for lost in closed.lost() {
            let note = Note { text: format!("of the two copies of the package of {run}: {lost}") };
            if !announced.notes(&note) {
                self.append(Action::Note(note))?;
            }
        }
        let left_in_two = announced.notes(&sealing::left_in_two(run));
        let ended = announced.end.map(|(before, _)| before);
        let (Some((start, _)), Some(log)) = (announced.start, ended.or_else(|| self.case.log().tree()))
        else {
            return Err(Failure::new("the custody log does not tell of this run"));
        };
        let policy_files = policy_files(self.loaded, &self.case, start.without_approval.is_none())?;
        let last: Counted = serde_json::from_str(&closed.ending().crew).context("journal")?;
        let inventory = closed.inventory().clone();
        let medium = closed.ending().medium.clone();
        let departs = last.departs || !closed.ending().departures.is_empty();
        let rest = Rest { run_key: start.run_key, resumed: announced.resumed, log };
        let told = closed.lost().to_vec();
        let stated = closed.state(rest).map_err(|error| resume::advised("package", &error))?;
        let unreadable = stated.end().unreadable;
        // The file is durable by now: whatever anybody changes in it from here on is not what the log quotes.
        if ended.is_none() {
            self.append(Action::AcquisitionEnd(stated.end().clone()))?;
        }
        let mut back = clock::tell_back(self.case.log(), run, Vec::new(), console)?;
        let unsealed = stated.finish(&policy_files).context("package")?;
        let tagmanifest = unsealed.tagmanifest();
        // What stands in the table as kept is what there is.
        let (tally, policy) = (&last.amiss.without_unread(&last.tally), &self.loaded.policy);
        let mut text = match self.extent {
            Extent::Files => summary(tally, policy),
            Extent::Volumes => outcomes(tally),
        } + &cut_short(last.cut_short.iter().map(String::as_str));
        text += &amiss::told(&last.amiss, unreadable, medium.unreadable.as_ref(), disk.loss().as_ref());
        // Whoever was asked has just seen the counts.
        let asked = !self.args.yes;
        let signers = std::mem::take(&mut self.signers);
        let names = || signers.iter().map(Signer::principal);
        let agreed: Vec<&str> = match asked {
            false => names().collect(),
            true => {
                let mut input = std::io::stdin().lock();
                confirm::who_agrees(names(), &text, (tagmanifest, inventory.root), &mut input, console)
            }
        };
        let by: Vec<&Signer> = signers.iter().filter(|own| agreed.contains(&own.principal())).collect();
        let sealed = self.seal(unsealed, (&by, &signers), (run, tagmanifest), left_in_two)?;
        back = clock::tell_back(self.case.log(), run, back, console)?;
        if asked && std::io::stdout().is_terminal() {
            text.clear();
        }

        let loss = disk.loss();
        if let Some(loss) = loss.as_ref().filter(|loss| !told.contains(&loss.to_string())) {
            let text = format!("of the two copies of the package of {run}: {loss}");
            let note = workplace::statement(Action::Note(Note { text }), "", &self.tool);
            self.case.append(note, &signers.iter().collect::<Vec<_>>()).context("custody log")?;
        }
        tell_loss(loss.as_ref(), console);
        text += &format!(
            "\n\npackage        {}\nread back      {}\nsealed bytes   {tagmanifest}\ninventory root {}  ({} lines)\ncustody log    {} entries\n",
            self.places.told(loss.as_ref()),
            read_back(&disk),
            inventory.root,
            inventory.lines,
            self.case.log().size()
        );
        text += &match sealed {
            true => {
                "sealed; write the two digests into your notes, and have the witness do the same".to_owned()
            }
            false => format!(
                "NOT sealed yet: the quorum of package.seal is not met; {}. Next: {}",
                match agreed.as_slice() {
                    [] => "nobody has signed".to_owned(),
                    agreed => format!("signed, and kept in the package: {}", agreed.join(" and ")),
                },
                confirm::sign_command(
                    self.args,
                    (&self.places.all_kept(loss.as_ref()).collect::<Vec<_>>(), self.case.root()),
                    &self.trust,
                    &by
                )
            ),
        };
        if let Some(after) = medium.sha256 {
            let same = if last.altered { "NOT the one from before" } else { "before and after" };
            text += &format!("\nSHA-256 of the medium, {same}: {}", after.hex());
        }
        for (number, after) in (1_usize..).zip(medium.drives.iter().flatten()) {
            let told = after.map_or_else(|| "none, not every byte could be read".to_owned(), |own| own.hex());
            text += &format!("\nSHA-256 of drive {number}, after: {told}");
        }
        let unread = last.unread;
        if self.extent == Extent::Files
            && unread > 0
            && policy.target().unread_volumes == UnreadVolumes::Preserve
        {
            text += &format!(
                "\nnote: {unread} volumes of this medium cannot be read; `ambit image --to court` preserves them whole"
            );
        }
        let mut value = summary_value(tally, policy);
        if let Value::Object(fields) = &mut value {
            fields.insert("package".to_owned(), json!(self.places.first().display().to_string()));
            fields.insert("copies".to_owned(), self.places.copies(loss.as_ref()));
            fields.insert("read_back".to_owned(), read_back_value(&disk));
            fields.insert("run".to_owned(), json!(run));
            fields.insert("tagmanifest".to_owned(), json!(tagmanifest));
            fields.insert("inventory".to_owned(), json!(inventory));
            fields.insert("sealed".to_owned(), json!(sealed));
            fields.insert("unreadable".to_owned(), json!(unreadable));
            fields.insert("cut_short".to_owned(), json!(last.cut_short));
            fields.insert("medium_sha256".to_owned(), json!(medium.sha256));
            fields.insert("drive_sha256".to_owned(), json!(medium.drives));
            fields.insert("medium_unreadable".to_owned(), json!(medium.unreadable));
        }
        console.result(&value, text).map_err(|failure| untold(failure, self.places, sealed))?;
        let departs = departs || unreadable > 0 || !back.is_empty();
        Ok(if departs || !sealed || !told.is_empty() || loss.is_some() {
            Exit::Departures
        } else {
            Exit::Done
        })
    }
}

fn compression(asked: CompressionArg) -> Compression {
    match asked {
        CompressionArg::None => Compression::None,
        CompressionArg::Fast => Compression::Fast,
        CompressionArg::Best => Compression::Best,
    }
}

/// For whom each set is encrypted: the policy says so, and nobody else.
fn recipients(policy: &Policy) -> SetRecipients {
    let named = policy.recipients();
    SetRecipients {
        captured: [named.case.as_slice(), &named.captured_also].concat(),
        compartments: policy.compartments().iter().map(|c| (c.id.clone(), c.recipients.clone())).collect(),
        ledger: [named.auditor.as_slice(), &named.court].concat(),
    }
}

/// What goes into `meta/policy`: what was approved, or, where nothing was, the bundle that was followed.
fn policy_files(
    loaded: &load::LoadedPolicy,
    case: &CaseFolder,
    approved: bool,
) -> Result<Vec<(String, BundleFile)>, Failure> {
    if approved {
        return case.policy_files().context("case");
    }
    let mut files: Vec<(String, BundleFile)> =
        loaded.bundle.files().map(|(name, file)| (name.to_owned(), file.clone())).collect();
    files.push(("rendering.md".to_owned(), scope::render(&loaded.policy).into_bytes().into()));
    Ok(files)
}
