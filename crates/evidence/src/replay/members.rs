//! Members and their containers: what a container's record says of its members is what their records say.
//!
//! Implements `docs/spec/record.md`, "Replay", step 11.

use std::collections::BTreeMap;

use scope::facts::{Facts, Kind};
use scope::{Outcome, Policy};

use super::{Finding, FindingKind};
use crate::acquisition::RecordLeft;

/// What one record says of a container: it is one, or a member of one.
pub(super) enum Told {
    /// The container with this locator, its members, and how many of them it says were captured.
    Container(String, u64, u64),
    /// A member of the container with this locator, and whether it was captured.
    Member(String, bool),
}

/// What a record says of containers: a member may be one itself. A slack's facts are those of its file, which says it.
pub(super) fn told(locator: &str, facts: &Facts, outcome: &Outcome) -> Vec<Told> {
    if facts.kind == Kind::Slack {
        return Vec::new();
    }
    let member = facts.member.as_ref().map(|own| Told::Member(own.of.clone(), *outcome == Outcome::Captured));
    let held = facts.container.as_ref();
    let container = held.map(|held| Told::Container(locator.to_owned(), held.members, held.captured));
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
    /// By locator: what the container's record says, members, and how many of them were captured.
    all: BTreeMap<String, Counted>,
}

#[derive(Default)]
struct Counted {
    stated: Option<(u64, u64)>,
    members: u64,
    captured: u64,
}

impl Containers {
    pub(super) fn add(&mut self, told: Told) {
        match told {
            Told::Container(locator, members, captured) => {
                self.all.entry(locator).or_default().stated = Some((members, captured));
            }
            Told::Member(of, captured) => {
                let counted = self.all.entry(of).or_default();
                counted.members = counted.members.saturating_add(1);
                counted.captured = counted.captured.saturating_add(u64::from(captured));
            }
        }
    }

    /// The containers whose members are others than they say. Under `counts`, members that were left have no record, and
    /// nor has a container that was.
    pub(super) fn finish(self, left: RecordLeft) -> Vec<Finding> {
        let all = left == RecordLeft::Facts;
        let differs = |counted: &Counted| match counted.stated {
            None => all,
            Some((members, captured)) => {
                captured != counted.captured || members < counted.members || all && members != counted.members
            }
        };
        let found = self.all.into_iter().filter(|(_, counted)| differs(counted));
        found
            .map(|(locator, counted)| {
                let says = counted.stated.map_or("no container".to_owned(), |(members, captured)| {
                    format!("{members} members, {captured} captured")
                });
                let detail = format!(
                    "{says}; there are records of {}, {} captured",
                    counted.members, counted.captured
                );
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
