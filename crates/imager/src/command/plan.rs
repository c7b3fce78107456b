//! `ambit plan`: what a policy would take, in counts. Nothing is taken, and the log says that somebody looked.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use custody::Signer;
use evidence::event::{Action, Examine};
use evidence::trust::Step;
use examine::Examined;
use scope::Policy;
use serde_json::{Value, json};
use source::{Entry, Source};

use super::plan_paper::{self, Finished};
use super::uncovered::Uncovered;
use crate::cli::PlanArgs;
use crate::console::{Console, Context as _, Exit, Failure};
use crate::pipeline::Crew;
use crate::study::Shared;
use crate::survey::{self, Amount, Counted, How, Kept, Tally};
use crate::{estimate, load, synthetic, workplace};

pub(super) fn plan(args: &PlanArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    plan_paper::is_new(args.html.as_deref())?;
    let loaded = load::policy(&args.examine.policy)?;
    if let Some(path) = &args.synthetic {
        return of_synthetic(args, path, &loaded.policy, console);
    }
    let (mut case, trust) = workplace::open_case(&args.case, &loaded.folder)?;
    let signers = load::signers(&args.signing, &trust, Step::Examine, console)?;
    workplace::need_quorum(&trust, Step::Examine, &signers)?;
    let ready = workplace::ready(&args.examine.source, &loaded, &case, &trust, true, console)?;
    ready.tell_departures(console);
    let tool = workplace::tool()?;
    let signed_by: Vec<&Signer> = signers.iter().collect();
    for departure in &ready.overrides {
        let action = Action::Override(departure.clone());
        case.append(workplace::statement(action, "", &tool), &signed_by).context("custody log")?;
    }
    // The event is on the log before the first item is looked at: a run that is broken off was a look, too.
    let action = Action::Examine(Examine {
        purpose: "plan".to_owned(),
        policy: Some(loaded.policy.id()),
        medium: ready.medium.clone(),
        counts: BTreeMap::new(),
    });
    let reason = ready.without_approval.clone().unwrap_or_default();
    let event =
        case.append(workplace::statement(action, &reason, &tool), &signed_by).context("custody log")?;
    let how = How {
        looks: examine::Options::default(),
        pace: &args.pace,
        phase: "plan",
        expected: estimate::last(&case, loaded.policy.id(), &ready.medium.label),
        interrupt: console.interrupt(),
        before: Counted::default(),
        reader: console.reader(),
        drives: &*ready.opened.drives,
    };
    let counting = Counting { policy: &loaded.policy, study: Shared::default() };
    let began = Instant::now();
    let tally = survey::survey(&how, &loaded.policy, &ready.opened.sources, &counting)?;
    let took = began.elapsed();
    if tally.interrupted.is_none() {
        estimate::keep(&case, event.index, loaded.policy.id(), &ready.medium.label, &tally);
    }
    let uncovered = Uncovered::of(&ready.opened, &loaded.policy, args, (&case, &trust));
    let finished = Finished {
        policy: &loaded.policy,
        uncovered: &uncovered,
        tally: &tally,
        study: &counting.study.finish(),
        medium: format!("{} ({})", ready.medium.label, ready.medium.form),
        synthetic: None,
        departures: ready.told_departures(),
        took: Some(took),
    };
    if let Some(path) = &args.html {
        finished.write_html(path, console)?;
    }
    let mut text = finished.text();
    text += &format!("\nnothing was taken; event {} says that the medium was examined", event.index);
    let mut value = finished.value();
    if let Value::Object(fields) = &mut value {
        fields.insert("event".to_owned(), json!(event.index));
    }
    console.result(&value, text)?;
    if ready.opened.sources.is_empty() {
        console.say(
            "no file of this medium can be read: what there is was named, and the event stands on the log",
        );
        return Ok(Exit::No);
    }
    Ok(if ready.departs() { Exit::Departures } else { Exit::Done })
}

/// A dry run on a medium that is made up: no case, no event, and every output says so.
fn of_synthetic(
    args: &PlanArgs,
    path: &Path,
    policy: &Policy,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let description = synthetic::read(path)?;
    synthetic::check_lists(&description, policy)?;
    let (tally, study) = synthetic::survey(&description, policy, args.list, console)?;
    let made = format!("\"{}\", seed {}", description.title, description.seed);
    let finished = Finished {
        policy,
        uncovered: &Uncovered::default(),
        tally: &tally,
        study: &study,
        medium: "synthetic: made up, none was opened".to_owned(),
        synthetic: Some(made.clone()),
        departures: Vec::new(),
        took: None,
    };
    if let Some(path) = &args.html {
        finished.write_html(path, console)?;
    }
    if args.list {
        return Ok(Exit::Done);
    }
    let made = made.escape_debug().to_string().replace("\\\"", "\"");
    let head = format!("SYNTHETIC: made up from {made}; no medium was opened\n\n");
    console.result(&finished.value(), head + &finished.text())?;
    Ok(Exit::Done)
}

/// Takes nothing: decisions are counted, and that is all.
struct Counting<'a> {
    policy: &'a Policy,
    study: Shared,
}

impl Crew for Counting<'_> {
    type Hand = ();

    fn hand(&self) {}

    fn has_room(&self, _: u64) -> bool {
        true
    }

    fn walked(&self, _: &Entry) {}

    fn item(&self, (): &mut (), _: &dyn Source, _: &Entry, examined: Examined) -> Result<Kept, Failure> {
        self.study.add(self.policy, &examined);
        let bytes = examined.facts.content_size().unwrap_or(0);
        Ok(examined.decision.outcome.is_kept().then_some(bytes))
    }

    fn pause(&self, (): &mut ()) -> Result<(), Failure> {
        Ok(())
    }

    fn close(&self, (): &mut ()) -> Result<(), Failure> {
        Ok(())
    }

    fn commit(&self, _: &Counted) -> Result<(), Failure> {
        Ok(())
    }
}

/// The counts per outcome as a table for people: all there is to say of volumes, about which no rule is.
pub(super) fn outcomes(tally: &Tally) -> String {
    let mut text = String::from("outcome                     items            bytes\n");
    let mut row = |name: &str, amount: Amount| {
        text += &format!("{name:<22} {:>10} {:>16}\n", amount.items, amount.bytes);
    };
    for (outcome, amount) in &tally.outcomes {
        row(&outcome.to_string(), *amount);
    }
    row("all", tally.total(|_| true));
    text
}

/// What must not be overlooked: that a part of the medium is not there, or not read. Empty where it is.
pub(super) fn cut_short<'a>(limits: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    let mut is_whole = true;
    for limit in limits {
        let what = source::warned_of(limit);
        is_whole &= what != source::NOT_WHOLE;
        text += &format!("\nWARNING: {what}: {limit}");
    }
    if !is_whole {
        text += "\nWARNING: what lay there is in no count; compare the image with the acquisition's notes, or take another copy";
    }
    text
}

/// The counts as a table for people.
pub(super) fn summary(tally: &Tally, policy: &Policy) -> String {
    let mut text = outcomes(tally);
    text += "\nrule                        items            bytes   (an item under every rule that determined it: what is held or\n                                                         withheld under these rules, not under what includes it)\n";
    for rule in policy.rules() {
        let amount = tally.rules.get(&rule.id).copied().unwrap_or_default();
        let effect = rule.effect.word();
        text += &format!("{:<12} {effect:<9} {:>10} {:>16}\n", rule.id, amount.items, amount.bytes);
    }
    for tier in ["out-of-scope", "undetermined"] {
        let amount = tally.tiers.get(tier).copied().unwrap_or_default();
        text += &format!("({tier:<20}) {:>9} {:>16}\n", amount.items, amount.bytes);
    }
    text += "\ndeepest look                items\n";
    for (look, items) in &tally.deepest {
        text += &format!("{:<22} {items:>10}\n", look.word());
    }
    // What weighs most stands last, where it is read: the policy, then the walk, then what is in no count.
    for rule in tally.idle_rules(policy) {
        text += &format!("\nnote: rule {rule} determined nothing on this medium; is its path or list right?");
    }
    for path in tally.dead_paths(policy) {
        text += &format!("\nnote: {path}; is it misspelt?");
    }
    for limit in &tally.limits {
        text += &format!("\nnote: {limit}");
    }
    if tally.failed_looks > 0 {
        text += &format!("\nnote: {} looks could not be taken to their end", tally.failed_looks);
    }
    if let Some(lost) = tally.lost_archives() {
        text += &format!("\nWARNING: {lost}");
    }
    if tally.issues > 0 {
        text += &format!("\nnote: {} places of the medium could not be walked", tally.issues);
    }
    if let Some(reason) = &tally.interrupted {
        text += &format!("\nnote: stopped at {reason}; what lies beyond was not examined");
    }
    text
}

/// The counts as JSON: the same, by name.
pub(super) fn summary_value(tally: &Tally, policy: &Policy) -> Value {
    let outcomes: BTreeMap<String, Amount> =
        tally.outcomes.iter().map(|(outcome, amount)| (outcome.to_string(), *amount)).collect();
    json!({
        "policy": policy.id(),
        "items": tally.items,
        "outcomes": outcomes,
        "rules": tally.rules,
        "tiers": tally.tiers,
        "deepest_look": tally.deepest,
        "idle_rules": tally.idle_rules(policy),
        "dead_paths": tally.dead_paths(policy),
        "failed_looks": tally.failed_looks,
        "issues": tally.issues,
        "limits": tally.limits,
        "interrupted": tally.interrupted,
    })
}
