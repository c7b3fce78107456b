//! Random items: the facts of every look, some of them missing, some odd.

use scope::Digest;
use scope::RawName;
use scope::facts::{
    CaseRule, ContainerFact, EndFact, Facts, Failure, HashFact, Hit, KeywordFact, Kind, Layer, Look, Member,
    Slack, Stamp, TextFact, TimeKind, TypeFact, Zone,
};
use scope::mail::{MailCause, MailFact};

use super::{DIGITS, Dice, KEYWORDS, MOMENTS, OFFSETS, SIDS, SIZES, TYPES, UIDS, VOLUMES, globs};

/// What was found of an item. It has the facts of all looks, for whoever asks for them.
pub fn item(dice: &mut Dice) -> Facts {
    let kind = kind(dice);
    let names = names(dice, kind);
    let found = u64::try_from(names.len()).expect("a few names");
    let links = match dice.below(10) {
        0 | 1 => None,
        2 => Some(found + 1),
        3 => Some(dice.number() % 4),
        _ => Some(found),
    };
    let content = matches!(kind, Kind::File | Kind::Stream | Kind::Slack | Kind::Recovered | Kind::Member);
    let case_rule = if dice.percent(50) { CaseRule::Sensitive } else { CaseRule::Insensitive };
    let mostly = |dice: &mut Dice, of_this_kind: bool| dice.percent(if of_this_kind { 85 } else { 10 });
    Facts {
        volume: dice.pick(&VOLUMES).to_owned(),
        case_rule,
        node: "inode:12:0".to_owned(),
        kind,
        names,
        links,
        size: mostly(dice, content || kind == Kind::Deleted).then(|| dice.pick(&SIZES)),
        allocated: None,
        times: (0..dice.below(6)).map(|_| stamp(dice)).collect(),
        uid: dice.percent(60).then(|| dice.pick(&UIDS)),
        gid: dice.percent(20).then(|| dice.pick(&UIDS)),
        sid: dice.percent(40).then(|| dice.pick(&SIDS).to_owned()),
        mode: None,
        link_target: None,
        attributes: Vec::new(),
        type_fact: mostly(dice, content).then(|| TypeFact {
            name: dice.pick(&TYPES).to_owned(),
            encrypted: dice.pick(&[None, Some(false), Some(true)]),
            examined: 4096,
            end: dice.pick(&[None, Some(false), Some(true)]).map(|zip| EndFact { zip, examined: 65_577 }),
        }),
        hash: mostly(dice, content).then(|| HashFact {
            sha256: format!("sha256:{}", dice.pick(&DIGITS).repeat(64)).parse::<Digest>().expect("a digest"),
            md5: None,
            sha1: None,
        }),
        slack: (kind == Kind::Slack)
            .then(|| Slack { of: dice.pick(&[Kind::File, Kind::Stream]), size: 1 + dice.number() % 4096 }),
        member: (kind == Kind::Member).then(|| Member {
            of: "ext4:u/inode:12:0".to_owned(),
            number: dice.number() % 3,
            depth: 1 + dice.number() % 3,
            name: RawName(b"a\xff!/../b".to_vec()),
        }),
        keywords: keywords(dice),
        mail: mail(dice),
        container: dice.percent(60).then(|| container(dice)),
        failures: failures(dice),
        looks: Look::ALL.to_vec(),
    }
}

fn kind(dice: &mut Dice) -> Kind {
    let others = [
        Kind::Directory,
        Kind::Directory,
        Kind::Symlink,
        Kind::Fifo,
        Kind::Socket,
        Kind::CharDevice,
        Kind::BlockDevice,
        Kind::Stream,
        Kind::Stream,
        Kind::Deleted,
        Kind::Deleted,
        Kind::Volume,
        Kind::Unallocated,
        Kind::Slack,
        Kind::Slack,
        Kind::Slack,
        Kind::Recovered,
        Kind::Recovered,
        Kind::Recovered,
        Kind::Member,
        Kind::Member,
        Kind::Member,
        Kind::Other,
    ];
    if dice.percent(60) { Kind::File } else { dice.pick(&others) }
}

fn names(dice: &mut Dice, kind: Kind) -> Vec<RawName> {
    let count = if matches!(kind, Kind::Volume | Kind::Unallocated) {
        0
    } else {
        dice.pick(&[0, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3])
    };
    let mut names: Vec<RawName> = (0..count).map(|_| RawName(globs::path(dice))).collect();
    names.sort();
    names.dedup();
    names
}

/// A moment at the border of a window, or next to it, as some zone writes it.
fn stamp(dice: &mut Dice) -> Stamp {
    let of = dice.pick(&[
        TimeKind::Modified,
        TimeKind::Modified,
        TimeKind::Accessed,
        TimeKind::Changed,
        TimeKind::Created,
    ]);
    let zone = dice.pick(&[Zone::Recorded, Zone::Recorded, Zone::Recorded, Zone::Assumed, Zone::None]);
    let local = if zone == Zone::None { dice.pick(&OFFSETS).1 * 1_000_000_000 } else { 0 };
    let ns = dice.pick(&MOMENTS).1 + dice.pick(&[-1, 0, 0, 0, 1, 86_400_000_000_000]) + local;
    Stamp { of, from: "inode".to_owned(), ns, zone }
}

/// Mostly one fact for each list that a policy may have.
fn keywords(dice: &mut Dice) -> Vec<KeywordFact> {
    let mut facts = Vec::new();
    for (list, terms) in KEYWORDS {
        if dice.percent(12) {
            continue;
        }
        let found: Vec<u64> = (0..terms).filter(|_| dice.percent(35)).collect();
        let mut hits: Vec<Hit> = found.into_iter().map(|term| hit(term, 1)).collect();
        match dice.below(40) {
            0 => hits.push(hit(0, 1)),      // which may be there already
            1 => hits.push(hit(terms, 1)),  // a term that the list does not have
            2 => hits.insert(0, hit(0, 0)), // no hit at all
            _ => {}
        }
        let layer = dice.pick(&[Layer::Full, Layer::None, Layer::Unread]);
        let in_text: Vec<u64> = (0..terms).filter(|_| dice.percent(20)).collect();
        let in_text = in_text.into_iter().map(|term| hit(term, 1)).collect();
        let text = TextFact { sha256: Digest([7; 32]), bytes: 100, hits: in_text };
        let text = (layer != Layer::None && dice.percent(25)).then_some(text);
        facts.push(KeywordFact { list: list.to_owned(), hits, text, searched: 100, layer });
        if dice.percent(2) {
            facts.extend(facts.last().cloned().map(|fact| KeywordFact { hits: Vec::new(), ..fact }));
        }
    }
    facts
}

/// What was found for each selector that may ask; many ask for none of them.
fn mail(dice: &mut Dice) -> Vec<MailFact> {
    let selectors = (0..8).flat_map(|at| ["b-", "s", "z"].map(|word| format!("{word}{at}")));
    let mut facts = Vec::new();
    for selector in selectors.collect::<std::collections::BTreeSet<_>>() {
        if dice.percent(15) {
            continue;
        }
        let layer = dice.pick(&[Layer::Full, Layer::Full, Layer::Full, Layer::None, Layer::Unread]);
        let (fits, open) = (dice.pick(&[0, 0, 1, 20]), dice.pick(&[0, 0, 0, 2]));
        let (fits, open) = if layer == Layer::None { (0, 0) } else { (fits, open) };
        let messages = if layer == Layer::None { 0 } else { fits + open + dice.pick(&[0, 0, 3]) };
        let causes = if layer == Layer::Unread { vec![MailCause::NotRead] } else { vec![MailCause::NoZone] };
        let causes = if open > 0 || layer == Layer::Unread { causes } else { Vec::new() };
        facts.push(MailFact {
            selector,
            layer,
            messages,
            fits,
            open,
            offsets: (0..fits.min(16)).collect(),
            causes,
        });
    }
    facts
}

/// What a container may be found to hold; of most items, nobody asks for it.
fn container(dice: &mut Dice) -> ContainerFact {
    let members = dice.number() % 3;
    ContainerFact {
        form: "zip".to_owned(),
        members,
        captured: members.saturating_sub(dice.number() % 2),
        barred: u64::from(dice.percent(20)),
        others: dice.number() % 2,
        trouble: dice.percent(20).then(|| "2 bytes of it belong to no member".to_owned()),
    }
}

fn failures(dice: &mut Dice) -> Vec<Failure> {
    let failed = Look::ALL.into_iter().filter(|_| dice.percent(8));
    failed.collect::<Vec<_>>().into_iter().map(|look| Failure::new(look, "input/output error")).collect()
}

fn hit(term: u64, count: u64) -> Hit {
    Hit { term, count, offsets: vec![term] }
}
