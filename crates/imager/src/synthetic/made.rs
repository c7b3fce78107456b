//! The items of a synthetic medium: facts made up from a description and its seed, the same in every run.

use std::collections::BTreeSet;

use examine::Examined;
use scope::facts::{
    ContainerFact, EndFact, Facts, Failure, HashFact, Hit, KeywordFact, Kind, Layer, Look, Member, Stamp,
    TimeKind, TypeFact, Zone,
};
use scope::mail::{MailFact, MailTally};
use scope::policy::ListItems;
use scope::{Digest, Outcome, Policy, RawName, decide_from_metadata};

use super::description::{Description, Items};

/// Decides every item of the medium. How many archives the policy would have opened of which the description gives no members.
pub(super) fn every_item(
    description: &Description,
    policy: &Policy,
    each: &mut dyn FnMut(&str, Examined),
) -> u64 {
    let numbers = Numbers(description.seed);
    let mut maker = Maker { description, policy, numbers, made: 0, undescribed: 0, each };
    let mut folders = BTreeSet::new();
    for items in &description.items {
        for n in 1..=items.n {
            for f in 1..=maker.numbers.between(items.files) {
                let path = items.path_of(n, f);
                for (at, _) in path.match_indices('/') {
                    let folder = path.get(..at.max(1)).unwrap_or("/");
                    if !folders.contains(folder) {
                        folders.insert(folder.to_owned());
                        let facts = self::folder(description, items, n, folder);
                        let locator = maker.next_locator();
                        maker.decided(&locator, facts);
                    }
                }
                let facts = file(description, items, n, &path, policy, &mut maker.numbers);
                let locator = maker.next_locator();
                maker.file(&locator, facts, items, n);
            }
        }
    }
    maker.undescribed
}

/// What an archive has to know of an item in it.
#[derive(Clone, Copy, Default)]
struct Within {
    captured: bool,
    barred: bool,
}

/// What goes from item to item.
struct Maker<'a> {
    description: &'a Description,
    policy: &'a Policy,
    numbers: Numbers,
    made: u64,
    undescribed: u64,
    each: &'a mut dyn FnMut(&str, Examined),
}

impl Maker<'_> {
    fn next_locator(&mut self) -> String {
        self.made = self.made.saturating_add(1);
        format!("{VOLUME}/item:{}", self.made)
    }

    /// A file, with what is in it where it is an archive that the policy opens. Whether it was captured.
    fn file(&mut self, locator: &str, mut facts: Facts, items: &Items, n: u64) -> Within {
        let opened = scope::opens(self.policy, &facts);
        let form = scope::opened_as(self.policy, &facts).unwrap_or_default().to_owned();
        let is_archive = scope::policy::Containers::FORMS.contains(&form.as_str());
        let mut held = ContainerFact { form, members: 0, captured: 0, barred: 0, others: 0, trouble: None };
        if opened && is_archive && items.members.is_empty() {
            self.undescribed = self.undescribed.saturating_add(1);
            held.trouble = Some("made up: the description gives no members".to_owned());
        }
        // The numbers are drawn whether or not the policy opens it, so that each policy is tried on the same medium.
        for sort in &items.members {
            for f in 1..=self.numbers.between(sort.files) {
                let path = sort.path_of(n, f);
                let mut member = file(self.description, sort, n, &path, self.policy, &mut self.numbers);
                let below = format!("{locator}/member:{}", held.members);
                if !opened {
                    self.drawn(sort, n);
                    continue;
                }
                packed(&mut member, (locator, &facts), held.members);
                held.members = held.members.saturating_add(1);
                let own = self.file(&below, member, sort, n);
                held.captured = held.captured.saturating_add(u64::from(own.captured));
                held.barred = held.barred.saturating_add(u64::from(own.barred));
            }
        }
        facts.container = opened.then_some(held);
        self.decided(locator, facts)
    }

    /// Draws the numbers of what is in a file that is not an item itself.
    fn drawn(&mut self, items: &Items, n: u64) {
        for sort in &items.members {
            for f in 1..=self.numbers.between(sort.files) {
                file(self.description, sort, n, &sort.path_of(n, f), self.policy, &mut self.numbers);
                self.drawn(sort, n);
            }
        }
    }

    fn decided(&mut self, locator: &str, facts: Facts) -> Within {
        // INVARIANT: the facts have all looks, so no look is missing.
        let Ok(decision) = decide_from_metadata(self.policy, &facts) else { return Within::default() };
        let captured = decision.outcome == Outcome::Captured;
        let facts = facts.up_to(&decision.looks);
        let within = Within { captured, barred: scope::is_barred(self.policy, &facts) };
        (self.each)(locator, Examined { facts, decision, content: None });
        within
    }
}

/// Makes of a file one that lies in an archive: on the archive's volume, its owner's, with the time alone that archives keep.
fn packed(facts: &mut Facts, (of, container): (&str, &Facts), number: u64) {
    let own = facts.names.first().map(|name| name.bytes().to_vec()).unwrap_or_default();
    let within = |path: &RawName| RawName([path.bytes(), b"!/", &own].concat());
    facts.names = container.names.iter().map(within).collect();
    facts.kind = Kind::Member;
    facts.node = format!("member:{number}");
    let depth = container.member.as_ref().map_or(0, |member| member.depth).saturating_add(1);
    facts.member = Some(Member { of: of.to_owned(), number, depth, name: RawName(own) });
    facts.times.retain(|stamp| stamp.of == TimeKind::Modified);
    (facts.uid, facts.sid) = (container.uid, container.sid.clone());
}

fn common(description: &Description, items: &Items, n: u64, path: &str, kind: Kind, seconds: i64) -> Facts {
    let stamp = |of| Stamp {
        of,
        from: "inode".to_owned(),
        ns: i128::from(seconds).saturating_mul(1_000_000_000),
        zone: Zone::Recorded,
    };
    let added = if items.uid_per_n { n.saturating_sub(1) } else { 0 };
    Facts {
        volume: VOLUME.to_owned(),
        case_rule: description.case_rule,
        node: "synthetic".to_owned(),
        kind,
        names: vec![RawName::from(path)],
        links: Some(1),
        size: None,
        allocated: None,
        slack: None,
        member: None,
        times: [TimeKind::Modified, TimeKind::Accessed, TimeKind::Changed, TimeKind::Created]
            .map(stamp)
            .to_vec(),
        uid: items.uid.map(|uid| uid.saturating_add(added)),
        gid: None,
        sid: items.sid.clone(),
        mode: None,
        link_target: None,
        attributes: Vec::new(),
        type_fact: None,
        hash: None,
        keywords: Vec::new(),
        mail: Vec::new(),
        container: None,
        failures: Vec::new(),
        looks: Look::ALL.to_vec(),
    }
}

fn folder(description: &Description, items: &Items, n: u64, path: &str) -> Facts {
    common(description, items, n, path, Kind::Directory, items.modified[0])
}

fn file(
    description: &Description,
    items: &Items,
    n: u64,
    path: &str,
    policy: &Policy,
    numbers: &mut Numbers,
) -> Facts {
    let (from, until) = (items.modified[0], items.modified[1]);
    let span = u64::try_from(until.saturating_sub(from)).unwrap_or(1).saturating_sub(1);
    let seconds = from.saturating_add(i64::try_from(numbers.between([0, span])).unwrap_or(0));
    let mut facts = common(description, items, n, path, Kind::File, seconds);
    let size = numbers.between(items.size);
    facts.size = Some(size);
    let unreadable = numbers.one_of(items.unreadable);
    let (mut sha256, mut keywords) = (Digest::of(path.as_bytes()), Vec::new());
    for list in policy.lists() {
        match &list.items {
            ListItems::Sha256(digests) => {
                let share = items.on_list.get(&list.id).copied().unwrap_or(0);
                let at = numbers.between([0, (digests.count()).saturating_sub(1)]);
                if numbers.one_of(share)
                    && let Some(digest) = digests.get(at)
                {
                    sha256 = digest;
                }
            }
            ListItems::Addresses(_) => {}
            ListItems::Keywords(terms) => {
                let share = items.keywords.get(&list.id);
                let chosen = share.is_some_and(|share| numbers.one_of(share.per_mille));
                let count = share.filter(|_| chosen).map_or(0, |share| share.terms.min(terms.len() as u64));
                let layer = if unreadable { Layer::Unread } else { items.layer };
                let hit = |term| Hit { term, count: 1, offsets: vec![0] };
                let hits = if layer == Layer::Full { (0..count).map(hit).collect() } else { Vec::new() };
                keywords.push(KeywordFact { list: list.id.clone(), hits, text: None, searched: size, layer });
            }
        }
    }
    let is_mail = matches!(items.r#type.as_str(), "eml" | "mbox");
    let may_hold_mail = examine::may_hold_mail(&items.r#type);
    let mail = policy.mail_tests().into_iter().map(|(id, test)| {
        let share = items.mail.get(id);
        let fits = share.is_some_and(|share| numbers.one_of(*share)) && is_mail;
        if may_hold_mail {
            return MailTally::new(id, test).fact(Layer::Unread);
        }
        MailFact {
            selector: id.to_owned(),
            layer: if is_mail { Layer::Full } else { Layer::None },
            messages: u64::from(is_mail),
            fits: u64::from(fits),
            open: 0,
            offsets: if fits { vec![0] } else { Vec::new() },
            causes: Vec::new(),
        }
    });
    let mail = mail.collect();
    if unreadable {
        let failed = |look| Failure::new(look, "made up: cannot be read");
        facts.failures = [Look::Type, Look::Hash, Look::Content].map(failed).to_vec();
    } else {
        facts.type_fact = Some(TypeFact {
            name: items.r#type.clone(),
            encrypted: items.encrypted,
            examined: size.min(4096),
            end: scope::asks_for_end(policy, Kind::File, &items.r#type)
                .then(|| EndFact { zip: false, examined: size.min(examine::TAIL) }),
        });
        facts.hash = Some(HashFact { sha256, md5: None, sha1: None });
        facts.keywords = keywords;
        facts.mail = mail;
    }
    facts
}

/// SplitMix64: numbers from a seed, the same everywhere, in whole numbers alone.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Between two bounds, both included. The slight preference for small numbers is of no consequence here.
    fn between(&mut self, [least, most]: [u64; 2]) -> u64 {
        let span = most.saturating_sub(least).saturating_add(1);
        least.saturating_add(self.next().checked_rem(span).unwrap_or(0))
    }

    /// Whether this is one of so many of a thousand.
    fn one_of(&mut self, per_mille: u64) -> bool {
        self.next() % 1000 < per_mille
    }
}

/// What stands for the volume in every locator and fact.
const VOLUME: &str = "synthetic";
