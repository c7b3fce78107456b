//! `ambit policy diff A B --ledger PKG`: which items of a package two policies tell apart, and why.
//!
//! ```text
//! captured -> left              12 items           91230 bytes   I-1 -> X-3
//! ```
//!
//! Both decide on recorded facts. Where one needs a look that was not taken, it cannot be said what it would come to; nor where
//! an archive would be opened of which the ledger does not say what is in it.

mod archives;

use std::collections::BTreeMap;

use evidence::item::{Parts, Record};
use evidence::report::Answer;
use evidence::verify::{VerifyOptions, audit, policy_of};
use folder::Folder;
use scope::policy::LeftRecord;
use scope::render::counted;
use scope::{Decision, MissingLook, Outcome, Policy, RawName, Tier};
use serde::Serialize;

use self::archives::Archives;
use crate::cli::LedgerArgs;
use crate::console::{Console, Context as _, Failure};
use crate::load;
use crate::survey::Amount;

/// What moves in a ledger.
#[derive(Debug, Default, Serialize)]
pub(super) struct Moved {
    /// The records that were decided twice.
    pub(super) records: u64,
    /// Those for which both policies come to the same.
    pub(super) same: u64,
    /// The others, by what they come to and by which rules.
    pub(super) moves: Vec<Move>,
    /// Whether every decision of the package follows from its own policy.
    pub(super) followed: bool,
    /// Items that were left have no record in this package.
    pub(super) without_left: bool,
}

/// Items that move alike.
#[derive(Debug, Serialize)]
pub(super) struct Move {
    before: Side,
    after: Side,
    #[serde(flatten)]
    amount: Amount,
    /// Some of them, at most [`MOST`].
    some: Vec<Item>,
}

/// What one policy makes of an item.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
struct Side {
    /// The outcome; none where a look is needed that was not taken.
    outcome: Option<Outcome>,
    /// The determining rules, or the tier, or what is needed.
    because: String,
}

#[derive(Debug, Serialize)]
struct Item {
    control: Option<String>,
    locator: String,
    /// Only for those who may see them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    names: Vec<RawName>,
}

/// Decides every item of a ledger under both policies.
pub(super) fn moved(
    before: &Policy,
    after: &Policy,
    args: &LedgerArgs,
    package: &std::path::Path,
    console: &mut Console<'_>,
) -> Result<Moved, Failure> {
    let (Some(trust), Some(identity)) = (&args.trust, &args.identity) else {
        return Err(Failure::new("a ledger is opened with a key, and believed by a trust file")
            .hint("give --trust FILE and --identity FILE, the auditor's or the court's"));
    };
    let files = Folder::open(package).context(package.display())?;
    let (_, trust) = load::trust(trust)?;
    let keys = load::identity_keys(identity, args.passphrase_file.as_deref(), console)?;
    let options = VerifyOptions {
        identities: keys.identities,
        recipients: keys.recipients,
        scratch: Some(Box::new(folder::Temporary::new())),
        workers: Some(Box::new(folder::Threads)),
        now: Some(chrono::Utc::now().fixed_offset()),
        ..VerifyOptions::default()
    };
    let own = policy_of(&files).map_err(Failure::new)?;
    let mut archives = Archives::new(&own, before, after);
    let mut moved = Moved { without_left: own.record().left == LeftRecord::Counts, ..Moved::default() };
    let mut moves: BTreeMap<(Side, Side), (Amount, Vec<Item>)> = BTreeMap::new();
    let mut each = |[before, after]: [Side; 2], bytes: u64, item: Item| {
        moved.records += 1;
        if before.outcome == after.outcome && before.outcome.is_some() {
            moved.same += 1;
            return;
        }
        let (amount, some) = moves.entry((before, after)).or_default();
        amount.add(bytes);
        if some.len() < MOST {
            some.push(item);
        }
    };
    let report = audit(&files, &trust, &options, |record| {
        let Ok(parts) = record.parts() else { return };
        let item = item(record, &parts, args.i_may_see_names);
        archives.record(&record.locator, &parts, item, &mut each);
    });
    archives.finish(&mut each);
    if report.followed == Answer::NotChecked {
        let why = report.limits.last().cloned().unwrap_or_default();
        return Err(Failure::new(format!("{}: the ledger cannot be relied on: {why}", package.display()))
            .hint("`ambit-verify audit` says more"));
    }
    if let Some(why) = before.list_trouble().or_else(|| after.list_trouble()) {
        return Err(Failure::new(format!("the list {why}"))
            .hint("let nothing write to the list while it is read; then run this again"));
    }
    moved.followed = report.followed == Answer::Yes;
    let moves = moves.into_iter();
    moved.moves =
        moves.map(|((before, after), (amount, some))| Move { before, after, amount, some }).collect();
    Ok(moved)
}

/// What a decision comes to, in words.
fn side_of(decision: Result<Decision, MissingLook>) -> Side {
    match decision {
        Ok(Decision { outcome, tier, rules, .. }) => {
            let because = match tier {
                Tier::OutOfScope | Tier::Undetermined => tier.word().to_owned(),
                _ if rules.is_empty() => "target".to_owned(),
                _ => rules.join(","),
            };
            Side { outcome: Some(outcome), because }
        }
        Err(MissingLook(look)) => {
            Side { outcome: None, because: format!("needs the look {}, which was not taken", look.word()) }
        }
    }
}

fn item(record: &Record, parts: &Parts, names: bool) -> Item {
    Item {
        control: parts.decision.control.as_ref().map(|control| control.to_string()),
        locator: record.locator.clone(),
        names: if names { parts.facts.names.clone() } else { Vec::new() },
    }
}

impl std::fmt::Display for Moved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "\nof {}, {} come to the same", counted(self.records, "record"), self.same)?;
        for own in &self.moves {
            let (from, to) = (own.before.word(), own.after.word());
            writeln!(
                f,
                "\n{from} -> {to}: {}, {}",
                counted(own.amount.items, "item"),
                counted(own.amount.bytes, "byte")
            )?;
            writeln!(f, "  because of {} -> {}", own.before.because, own.after.because)?;
            for item in &own.some {
                write!(f, "  {:<15} {}", item.control.as_deref().unwrap_or("no number"), item.locator)?;
                item.names.iter().try_for_each(|name| write!(f, "  {name}"))?;
                writeln!(f)?;
            }
            let more = own.amount.items.saturating_sub(own.some.len() as u64);
            if more > 0 {
                writeln!(f, "  and {more} more")?;
            }
        }
        if self.without_left {
            writeln!(f, "\nnote: by its policy this package has no record of items that were left")?;
        }
        if !self.followed {
            writeln!(f, "\nnote: not every decision of this package follows from its own policy")?;
        }
        Ok(())
    }
}

impl Side {
    fn word(&self) -> String {
        self.outcome.as_ref().map_or_else(|| "cannot be said".to_owned(), ToString::to_string)
    }
}

/// Most items of one kind of move that are listed: enough to look at, few enough for a screen and for memory.
const MOST: usize = 100;
