//! `ambit policy explain`: what a policy makes of one item of a medium, and why.
//!
//! ```text
//! locator  ext4:9f0c.../inode:12:0
//! name     /var/log/nginx/cust4417.access.log
//! captured: included
//! looked: metadata
//! ```
//!
//! Whether there is an item of that name is itself something that not everybody may learn: where an item is not
//! captured or listed by name, the answer without a key is that of an item that is not there.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use custody::Signer;
use evidence::event::{Action, Examine};
use evidence::trust::Step;
use examine::{Examined, Examiner, Options, every_entry};
use scope::explain::Explanation;
use scope::{Outcome, Policy, RawName, explain as explain_all, explain_visible, visible_names};
use serde::Serialize;
use source::{Entry, WalkEvent};

use crate::cli::ExplainArgs;
use crate::console::{Console, Context as _, Exit, Failure};
use crate::{load, workplace};

pub(super) fn explain(args: &ExplainArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let loaded = load::policy(&args.policy)?;
    let (mut case, trust) = workplace::open_case(&args.case, &loaded.folder)?;
    let signers = load::signers(&args.signing, &trust, Step::Examine, console)?;
    workplace::need_quorum(&trust, Step::Examine, &signers)?;
    let keys = match &args.identity {
        None => Vec::new(),
        Some(path) => load::identity_keys(path, args.signing.passphrase_file.as_deref(), console)?.recipients,
    };
    if args.identity.is_some() && !is_anybodys(&loaded.policy, &keys) {
        return Err(Failure::no(
            "this identity is of nobody to whom the policy gives the names of other items",
        )
        .hint("give that of the auditor, the court or a compartment's holder; nothing was read"));
    }
    let ready = workplace::ready(&args.source, &loaded, &case, &trust, false, console)?;
    ready.tell_departures(console);
    let tool = workplace::tool()?;
    let signed_by: Vec<&Signer> = signers.iter().collect();
    for departure in &ready.overrides {
        let action = Action::Override(departure.clone());
        case.append(workplace::statement(action, "", &tool), &signed_by).context("custody log")?;
    }
    // Before the first item is looked at, as for a plan; which item it was is nobody's business but theirs.
    let action = Action::Examine(Examine {
        purpose: "explain".to_owned(),
        policy: Some(loaded.policy.id()),
        medium: ready.medium.clone(),
        counts: BTreeMap::new(),
    });
    let reason = ready.without_approval.clone().unwrap_or_default();
    let event =
        case.append(workplace::statement(action, &reason, &tool), &signed_by).context("custody log")?;
    let examiner = Examiner::new(&loaded.policy, Options::default()).reading(console.reader());
    let mut found = Vec::new();
    for source in &ready.opened.sources {
        let mut wanted: Vec<Entry> = Vec::new();
        every_entry(&loaded.policy, source.as_ref(), &mut |event| {
            match event {
                WalkEvent::Item(entry) if leads_to(args.item(), &entry) => wanted.push(entry),
                WalkEvent::Item(_) | WalkEvent::Issue(_) => {}
            }
            if console.interrupt().is_asked() || wanted.len() > MOST {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })
        .context(format_args!("volume {}", source.info().volume))?;
        if console.interrupt().is_asked() {
            return Err(crate::pipeline::asked_to_stop());
        }
        for entry in wanted {
            let mut explain = |entry: &Entry, examined: &Examined| {
                if is_meant(args.item(), entry) {
                    found.extend(Explained::of(&loaded.policy, &keys, args.item(), entry, examined));
                }
            };
            let examined = examiner.examine_each(&entry, source.as_ref(), &mut |_, member, examined| {
                explain(member, &examined);
                ControlFlow::Continue(())
            });
            explain(&entry, &examined.context(format_args!("item {}", entry.locator))?);
        }
    }
    if found.is_empty() {
        return Err(Failure::no("no such item is captured, or listed by name, by this policy")
            .hint(match args.identity {
                None => "there is none, or it is not for the case team to know of: the auditor or the court can ask with --identity",
                Some(_) => "there is none, or this key is not one to whom it may be explained",
            }));
    }
    let mut text: String = found.iter().map(|own| own.to_string() + "\n").collect();
    text += &format!("nothing was taken; event {} says that the medium was examined", event.index);
    console.result(&serde_json::json!({ "items": found, "event": event.index }), text)?;
    Ok(if ready.departs() { Exit::Departures } else { Exit::Done })
}

/// An item, its names as far as they may be shown, and why it comes to what it comes.
#[derive(Serialize)]
struct Explained {
    locator: String,
    names: Vec<RawName>,
    explanation: Explanation,
}

impl Explained {
    /// For the holders of `keys`, who asked for `item`; `None` where they may not learn of this item, or not by this name.
    fn of(policy: &Policy, keys: &[String], item: &str, entry: &Entry, examined: &Examined) -> Option<Self> {
        let (facts, decision) = (&examined.facts, &examined.decision);
        let holds = |recipients: &[String]| recipients.iter().any(|own| keys.contains(own));
        let recipients = policy.recipients();
        let is_theirs = match &decision.outcome {
            Outcome::Held(id) | Outcome::ListedTo(id) => {
                policy.compartments().iter().any(|own| own.id == *id && holds(&own.recipients))
            }
            _ => false,
        };
        let locator = entry.locator.clone();
        if is_theirs || holds(&recipients.auditor) || holds(&recipients.court) {
            let explanation = explain_all(policy, facts, decision);
            return Some(Self { locator, names: facts.names.clone(), explanation });
        }
        if !matches!(decision.outcome, Outcome::Captured | Outcome::Listed) {
            return None;
        }
        let names = visible_names(policy, facts).into_iter().filter_map(|at| facts.names.get(at).cloned());
        let names: Vec<RawName> = names.collect();
        // That a name which they may not see is one of this item is not theirs to learn either.
        let by_these = locator == item || names.iter().any(|name| name.is_meant(item, facts.case_rule));
        by_these.then(|| Self { locator, names, explanation: explain_visible(policy, facts, decision) })
    }
}

impl std::fmt::Display for Explained {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "locator  {}", self.locator)?;
        self.names.iter().try_for_each(|name| writeln!(f, "name     {name}"))?;
        write!(f, "{}", self.explanation)
    }
}

/// Whether one of these keys is of somebody to whom the policy gives more than what is captured.
fn is_anybodys(policy: &Policy, keys: &[String]) -> bool {
    let recipients = policy.recipients();
    let compartments = policy.compartments().iter().flat_map(|own| &own.recipients);
    recipients.auditor.iter().chain(&recipients.court).chain(compartments).any(|own| keys.contains(own))
}

fn is_meant(item: &str, entry: &Entry) -> bool {
    entry.locator == item || entry.facts.names.iter().any(|name| name.is_meant(item, entry.facts.case_rule))
}

/// Whether this is the item, or a container in which it may be.
fn leads_to(item: &str, entry: &Entry) -> bool {
    let containers = item.match_indices("!/").filter_map(|(at, _)| item.get(..at));
    let mut containers =
        containers.chain(item.match_indices("/member:").filter_map(|(at, _)| item.get(..at)));
    is_meant(item, entry) || containers.any(|outer| is_meant(outer, entry))
}

/// Most items of a volume that have one path, deleted entries among them, and are explained.
const MOST: usize = 1000;
