//! `ambit-verify sample`: items that nobody could foresee, for an auditor to look at with other tools.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write;

use evidence::acquisition::LayerStatement;
use evidence::item::{Partial, Record};
use evidence::replay::Reexamination;
use evidence::report::{Answer, Report};
use evidence::sample::{Elsewhere, MAX_DRAWN, Seed, Unpack, most_wrong, outermost};
use evidence::verify::{audit_with, draw_lines};
use folder::{Sampled, sample_medium};
use source::{OpenOptions, Reader};

use crate::Failure;
use crate::check::prepare;
use crate::cli::SampleArgs;

/// Audits the package, draws, and looks again where the medium is given.
///
/// What is said of the sample goes to standard output before the report; with `--json` to standard error.
pub(crate) fn sample(
    args: &SampleArgs,
    reader: Reader,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Report, Failure> {
    let (report, text) = drawn(args, reader, err)?;
    let told = if args.check.json { writeln!(err, "{text}") } else { writeln!(out, "{text}") };
    told.map_err(|error| Failure::of("standard output")(&error))?;
    Ok(report)
}

/// The report, and what is said of the sample.
fn drawn(args: &SampleArgs, reader: Reader, err: &mut dyn Write) -> Result<(Report, String), Failure> {
    if args.check.identities.is_empty() {
        return Err(Failure::new(
            "a sample leads from lines to items through the ledger, and no key was given",
        )
        .hint("give --identity FILE, the auditor's or the court's"));
    }
    if args.n == 0 || args.n > MAX_DRAWN {
        return Err(Failure::new(format!("--n: expected 1 to {MAX_DRAWN}")));
    }
    let (files, trust, options) = prepare(&args.check, err)?;
    let mut reexamination = Reexamination::new();
    // A record that cannot be read is a finding of the replay already.
    let mut population = Population::default();
    let mut forms: BTreeMap<String, String> = BTreeMap::new();
    let mut verified = audit_with(&files, &trust, &options, |record| {
        drop(reexamination.record(record));
        // Slack comes of its file's examination, and no walk gives it by itself.
        if !is_slack(record) {
            population.add(reexamination.is_partial(&record.locator));
        }
        // What a member is unpacked with, its archive says.
        let container = record.parts().ok().and_then(|parts| parts.facts.container);
        forms.extend(container.map(|held| (record.locator.clone(), held.form)));
    });
    let judged = (verified.acquisition.as_ref(), verified.policy.as_ref());
    let (Some(acquisition), Some(policy)) = judged else {
        return Ok((verified.report, "Nothing was drawn: the package cannot be read.\n".to_owned()));
    };
    if verified.report.followed != Answer::Yes {
        if !args.i_may_see_names {
            verified.report.findings.iter_mut().for_each(|finding| NOT_SHOWN.clone_into(&mut finding.item));
        }
        verified.report.asked_matched |= !args.against.is_empty();
        let text = "Nothing was drawn: only of a ledger that is FOLLOWED does a sample say anything.\n";
        return Ok((verified.report, text.to_owned()));
    }
    let seed = Seed::new(&acquisition.inventory.root, &args.nonce)
        .map_err(|error| Failure::new(format!("--nonce: {error}")))?;
    let lines = draw_lines(&files, acquisition, &options, seed, args.n).map_err(Failure::new)?;
    let records: Vec<&Record> = lines.drawn.iter().filter_map(|(_, record)| record.as_ref()).collect();
    let locators: BTreeSet<String> = records.iter().map(|record| record.locator.clone()).collect();
    if verified.stopped_at_limit {
        reexamination.stopped_at(*policy.limits());
    }
    let sampled = match args.against.as_slice() {
        [] => None,
        medium => {
            let open = OpenOptions {
                writable_source: args.writable_source,
                bare: true,
                form: args.image_form,
                reader,
                ..OpenOptions::default()
            };
            let draw = (seed, args.n);
            Some(
                sample_medium(reexamination, acquisition, policy, &locators, draw, medium, &open)
                    .map_err(Failure::new)?,
            )
        }
    };
    let places = Places {
        layers: &acquisition.layers,
        forms: &forms,
        image: match args.against.as_slice() {
            [one] => quoted(&one.display().to_string()),
            _ => "IMAGE".to_owned(),
        },
    };
    let mut text = String::new();
    let (drawn, kept) = (lines.drawn.len() as u64, records.len() as u64);
    let _ = writeln!(text, "Sample of nonce `{}` and root {}", args.nonce, acquisition.inventory.root);
    let _ = writeln!(text, "  lines  {drawn} of {} drawn, {kept} with a record", lines.lines);
    let names: BTreeMap<&str, Vec<String>> = match args.i_may_see_names {
        false => BTreeMap::new(),
        true => records.iter().map(|record| (record.locator.as_str(), names(record))).collect(),
    };
    for (line, record) in &lines.drawn {
        let outcome = line.split(' ').next().unwrap_or_default();
        match record {
            None => {
                let _ =
                    writeln!(text, "    {outcome}: no record of it is kept, as the policy has it: {line}");
            }
            Some(record) => {
                item(&mut text, outcome, &record.locator, &names, &places);
                let _ = writeln!(text, "      on record: {}", on_record(record));
            }
        }
    }
    if let Some(sampled) = &sampled {
        let (nodes, drawn) = sampled.nodes;
        let _ = writeln!(text, "  nodes  {drawn} of {nodes} drawn from the medium itself");
        for locator in &sampled.drawn {
            item(&mut text, "node", locator, &names, &places);
        }
    }
    let counted = |what: fn(&Record) -> bool| records.iter().filter(|record| what(record)).count() as u64;
    let of_them = Drawn {
        lines: drawn,
        kept,
        slack: counted(is_slack),
        partial: counted(|record| !is_slack(record) && is_partial(record)),
    };
    said(&mut text, population, of_them, sampled.as_ref());
    if let Some(sampled) = sampled {
        let (unread, none) = (sampled.unread, sampled.findings.is_empty());
        let what = format!(
            "a sample: {} items of drawn lines, {} drawn from the medium{}",
            sampled.lines_seen,
            sampled.nodes.1,
            match sampled.lines_partial {
                0 => String::new(),
                partial => format!(", and in part alone {partial} more of drawn lines"),
            }
        );
        verified.report.reexamined(&what, sampled.findings.into_iter().map(Into::into).collect());
        if none && unread > 0 {
            verified.report.matched = Answer::NotChecked;
        }
        verified.report.limits.extend(sampled.limits.into_iter().map(|l| format!("examined again: {l}")));
    }
    Ok((verified.report, text))
}

/// Stands for an item where names were not asked for.
const NOT_SHOWN: &str = "an item";

/// One item: where it is, and what looks at it.
fn item(
    text: &mut String,
    what: &str,
    locator: &str,
    names: &BTreeMap<&str, Vec<String>>,
    places: &Places<'_>,
) {
    let _ = writeln!(text, "    {what}: {locator}");
    for name in names.get(locator).into_iter().flatten() {
        let _ = writeln!(text, "      name {name}");
    }
    let elsewhere = Elsewhere::of(outermost(locator), places.layers);
    let is_member = outermost(locator) != locator;
    let unpack = Unpack::of(locator, |archive| places.forms.get(archive).map(String::as_str));
    let commands = match (&elsewhere, is_member, &unpack) {
        (Elsewhere::Nowhere(why), ..) => {
            let _ = writeln!(text, "      no other tool: {why}");
            Vec::new()
        }
        (_, true, None) => {
            text.push_str(
                "      no other tool: of the archive that it is in there is no record that says its form\n",
            );
            Vec::new()
        }
        (_, true, Some(unpack)) => elsewhere.within(&places.image, unpack),
        (_, false, _) => elsewhere.commands(&places.image),
    };
    for command in commands {
        let _ = writeln!(text, "      {command}");
    }
}

/// Where items are, for other tools.
struct Places<'a> {
    layers: &'a [LayerStatement],
    /// The form of each archive on record, by locator.
    forms: &'a BTreeMap<String, String>,
    image: String,
}

/// What the other tool's answer is compared with.
fn on_record(record: &Record) -> String {
    let Ok(parts) = record.parts() else { return "nothing that can be read".to_owned() };
    let control = parts.decision.control.map(|control| control.to_string());
    let partial = Partial::of(&parts.facts, parts.object.as_ref());
    if let (Some(partial @ Partial::Bytes { read, .. }), Some(object)) = (partial, &parts.object) {
        let of = match read {
            0 => format!("{} is the digest of zeros alone, as many as it has bytes", object.sha256),
            _ => format!("{} is the digest with zeros for the others", object.sha256),
        };
        let told = [control, Some(partial.to_string()), Some(of)];
        let told: Vec<String> = told.into_iter().flatten().collect();
        return format!("{}: another tool's digest is not comparable", told.join("; "));
    }
    let size = parts.facts.content_size().map(|size| format!("{size} bytes"));
    let looked = parts.facts.content_hash().map(|hash| hash.sha256);
    let sha256 = looked.or(parts.object.map(|object| object.sha256)).map(|digest| digest.to_string());
    let partial = partial.map(|partial| partial.to_string());
    let told: Vec<String> = [control, size, sha256, partial].into_iter().flatten().collect();
    if told.is_empty() { "neither a size nor a digest".to_owned() } else { told.join(", ") }
}

/// Whether not all of the item could be read then.
fn is_partial(record: &Record) -> bool {
    record.parts().is_ok_and(|parts| Partial::of(&parts.facts, parts.object.as_ref()).is_some())
}

fn is_slack(record: &Record) -> bool {
    record.locator.ends_with("/slack")
}

/// The names of a record, escaped.
fn names(record: &Record) -> Vec<String> {
    let names = record.parts().map(|parts| parts.facts.names).unwrap_or_default();
    names.iter().map(ToString::to_string).collect()
}

/// Records, without those of slack.
#[derive(Clone, Copy, Default)]
struct Population {
    whole: u64,
    partial: u64,
}

impl Population {
    fn add(&mut self, partial: bool) {
        let count = if partial { &mut self.partial } else { &mut self.whole };
        *count = count.saturating_add(1);
    }

    /// The population that a bound speaks of: where something is partial, not of that.
    fn told(self) -> String {
        match self.partial {
            0 => format!("{} recorded items", self.whole),
            _ => format!("{} recorded items that could be read wholly then", self.whole),
        }
    }
}

/// What was drawn of the inventory.
struct Drawn {
    lines: u64,
    /// Lines with a record.
    kept: u64,
    /// Of them, those of slack.
    slack: u64,
    /// Of the others, those of which not all could be read then.
    partial: u64,
}

/// What the numbers mean.
fn said(text: &mut String, population: Population, drawn: Drawn, sampled: Option<&Sampled>) {
    let unrecorded = drawn.lines.saturating_sub(drawn.kept);
    text.push('\n');
    let (all, recorded) = (population.whole, population.told());
    let Some(sampled) = sampled else {
        // The bound is what a look at all of them gives; nobody has looked yet.
        let whole = drawn.kept.saturating_sub(drawn.slack).saturating_sub(drawn.partial);
        let those =
            if drawn.partial == 0 { whole.to_string() } else { format!("{whole} that are not partial") };
        let _ = writeln!(
            text,
            "Nobody has looked at these yet. If all {those} are looked at and none is wrong, then with 95 % confidence at most {} of \
             the {recorded} are wrong: with one more, a sample of {whole} would be without any in fewer than 1 case of 20.",
            most_wrong(all, whole)
        );
        said_of_partial(text, drawn.partial, population.partial);
        return unseen(text, unrecorded, drawn.slack);
    };
    if sampled.findings.is_empty() {
        let looked = sampled.lines_seen;
        let _ = writeln!(
            text,
            "Of the drawn lines' items {looked} were looked at again, and none is wrong. With 95 % confidence at most {} of the \
             {recorded} differ from the original: with one more, such a sample would be without any in fewer than 1 \
             case of 20.",
            most_wrong(all, looked)
        );
        said_of_partial(text, sampled.lines_partial, population.partial);
        let (nodes, drawn) = sampled.nodes;
        let seen = sampled.nodes_seen;
        let reach = match sampled.beyond {
            None => "",
            Some(_) => " before the place where the run stopped at the policy's limit",
        };
        let _ = match drawn.saturating_sub(seen) {
            0 => writeln!(
                text,
                "Of the {nodes} items that this reader finds on the medium{reach}, {drawn} were looked for in the ledger, and none is \
                 missing or differs. With 95 % confidence at most {} do.",
                most_wrong(nodes, drawn)
            ),
            not => writeln!(
                text,
                "Of the {nodes} items that this reader finds on the medium{reach}, {drawn} were looked for in the ledger, and none is \
                 missing. {seen} were compared in all that is on record, and none differs; of {not} not all can be compared. With 95 % \
                 confidence at most {} of those of which all can be compared are missing or differ.",
                most_wrong(nodes, seen)
            ),
        };
    } else {
        let count = sampled.findings.len();
        let _ = writeln!(
            text,
            "{count} differences: the record does not agree with the original. No bound is stated."
        );
        said_of_partial(text, sampled.lines_partial, population.partial);
    }
    unseen(text, unrecorded, sampled.lines_unseen);
    if sampled.lines_unread > 0 {
        let _ = writeln!(
            text,
            "{} drawn lines' items could not be compared, since they, or the archives that they are in, cannot be read today: they \
             are not among those that were looked at, and the bound says nothing of such items.",
            sampled.lines_unread
        );
    }
    text.push_str("This was read by the same readers as the capture; the commands above read by others.\n");
}

/// What could not be read wholly when it was recorded, and that no bound speaks of it.
fn said_of_partial(text: &mut String, drawn: u64, recorded: u64) {
    if drawn > 0 {
        let _ = writeln!(
            text,
            "{drawn} more drawn lines' items are partial: what could not be read when they were recorded is not on record, and nobody \
             can compare it. They are in none of these numbers."
        );
    }
    if recorded > 0 {
        let _ = writeln!(text, "Of the {recorded} recorded items that are partial the bound says nothing.");
    }
}

/// What was drawn, and is not among the numbers.
fn unseen(text: &mut String, unrecorded: u64, slack: u64) {
    if unrecorded > 0 {
        let _ = writeln!(
            text,
            "{unrecorded} drawn lines have no record, as the policy has it, and are in none of these numbers: what they stand \
             for, nobody can say."
        );
    }
    if slack > 0 {
        let _ = writeln!(text, "{slack} drawn lines are of slack, which is in none of these numbers.");
    }
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', "'\\''")) }
}
