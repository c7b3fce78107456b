//! Members and their containers: what a container's record says of its members is what their records say.
//!
//! Implements `docs/spec/record.md`, "Replay", step 11.

use std::collections::BTreeMap;

use scope::facts::{ContainerFact, Facts, Kind};
use scope::{Outcome, Policy};

use super::{Finding, FindingKind};
use crate::acquisition::RecordLeft;

/// What one record says of a container: it is one, or a member of one.
pub(super) enum Told {
    /// The container with this locator, and what it says of its members.
    Container(String, ContainerFact),
    /// A member of the container with this locator, whether it was captured, and whether it is barred.
    Member(String, bool, bool),
}

/// What a record says of containers: a member may be one itself. A slack's facts are those of its file, which says it.
pub(super) fn told(policy: &Policy, locator: &str, facts: &Facts, outcome: &Outcome) -> Vec<Told> {
    if facts.kind == Kind::Slack {
        return Vec::new();
    }
    let member = facts.member.as_ref().map(|own| {
        let captured = *outcome == Outcome::Captured;
        Told::Member(own.of.clone(), captured, scope::is_barred(policy, facts))
    });
    let container = facts.container.clone().map(|held| Told::Container(locator.to_owned(), held));
    member.into_iter().chain(container).collect()
}

/// What is amiss with one record alone.
pub(super) fn unsound(policy: &Policy, locator: &str, facts: &Facts) -> Vec<(FindingKind, &'static str)> {
    let mut found = Vec::new();
    if (facts.kind == Kind::Member) != facts.member.is_some() {
        found.push((
            FindingKind::Fact,
            "a member without a container, or a fact of member about another kind",
        ));
    }
    if scope::opens(policy, facts) != facts.container.is_some() {
        found.push((FindingKind::Look, "a container that was opened and was not to be, or the reverse"));
    }
    if let Some(own) = &facts.type_fact
        && scope::asks_for_end(policy, facts.kind_for_rules(), &own.name) != own.end.is_some()
    {
        found.push((
            FindingKind::Look,
            "a type of which the end was to be examined and was not, or the reverse",
        ));
    }
    let Some(member) = &facts.member else { return found };
    let granted = policy.target().containers.as_ref().is_some_and(|own| member.depth <= own.max_depth);
    if !granted || member.depth == 0 {
        found.push((FindingKind::Look, "a member deeper in containers than the policy has them opened"));
    }
    let depth = u64::try_from(locator.matches("/member:").count()).unwrap_or(u64::MAX);
    if locator != format!("{}/member:{}", member.of, member.number) || member.depth != depth {
        found.push((FindingKind::Fact, "the locator is not that of the container, the number and the depth"));
    }
    let ending = [b"!/", member.name.bytes()].concat();
    let inside = facts.names.iter().all(|name| name.bytes().windows(2).any(|pair| pair == b"!/"));
    let named = facts.names.is_empty() || facts.names.iter().any(|name| name.bytes().ends_with(&ending));
    if !inside || !named {
        found.push((
            FindingKind::Fact,
            "names that are not in a container, or none that ends with the member's",
        ));
    }
    found
}

/// What all records say of containers.
#[derive(Default)]
pub(super) struct Containers {
    /// By locator.
    all: BTreeMap<String, Counted>,
}

#[derive(Default)]
struct Counted {
    /// What the container's record says.
    stated: Option<ContainerFact>,
    /// The records of members, and how many of them were captured, and are barred.
    members: u64,
    captured: u64,
    barred: u64,
}

impl Counted {
    /// Whether what the record says is not what there is. Entries without content may be barred, too, and what lies below a
    /// closed folder, of which the container's trouble tells.
    fn differs(&self, all: bool) -> bool {
        let Some(said) = &self.stated else { return all };
        let most = if all { self.barred } else { said.members };
        said.captured != self.captured
            || said.members < self.members
            || all && said.members != self.members
            || said.barred < self.barred
            || said.trouble.is_none() && said.barred > most.saturating_add(said.others)
    }
}

impl Containers {
    pub(super) fn add(&mut self, told: Told) {
        match told {
            Told::Container(locator, held) => self.all.entry(locator).or_default().stated = Some(held),
            Told::Member(of, captured, barred) => {
                let counted = self.all.entry(of).or_default();
                counted.members = counted.members.saturating_add(1);
                counted.captured = counted.captured.saturating_add(u64::from(captured));
                counted.barred = counted.barred.saturating_add(u64::from(barred));
            }
        }
    }

    /// The containers whose members are others than they say. Under `counts`, members that were left have no record, and
    /// nor has a container that was.
    pub(super) fn finish(self, left: RecordLeft) -> Vec<Finding> {
        let all = left == RecordLeft::Facts;
        let found = self.all.into_iter().filter(|(_, counted)| counted.differs(all));
        found
            .map(|(locator, counted)| {
                let told =
                    |members, captured, barred| format!("{members}, {captured} captured, {barred} barred");
                let says = counted.stated.map_or("no container".to_owned(), |said| {
                    format!("members: {}", told(said.members, said.captured, said.barred))
                });
                let records = told(counted.members, counted.captured, counted.barred);
                let detail = format!("{says}; there are records of {records}");
                Finding {
                    kind: FindingKind::Missing,
                    item: locator,
                    rule: "target.containers".to_owned(),
                    detail,
                }
            })
            .collect()
    }
}
