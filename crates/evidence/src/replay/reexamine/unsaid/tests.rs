//! A better image of a drive of which bytes were wanting at the capture: what the record claims covers that, and nothing else.

use scope::facts::{Attribute, ContainerFact, Facts, Failure, Kind, Look, Member, Stamp, TimeKind, Zone};
use scope::{Decision, Outcome, RawName, Tier};

use crate::item::{DecisionValue, ObjectValue};
use crate::replay::reexamine::Reexamination;
use crate::replay::testing::{Case, told};

fn item(number: u32, kind: Kind, names: &[&str]) -> (String, Facts) {
    let node = format!("inode:{number}:0");
    let facts = Facts {
        node: node.clone(),
        kind,
        names: names.iter().map(|name| RawName::from(*name)).collect(),
        looks: vec![Look::Metadata],
        ..Case::new().items[0].facts.clone()
    };
    (format!("ext4:test/{node}"), facts)
}

fn file(number: u32, names: &[&str]) -> (String, Facts) {
    item(number, Kind::File, names)
}

fn folder(number: u32, name: &str) -> (String, Facts) {
    item(number, Kind::Directory, &[name])
}

fn unread(of: (String, Facts), what: &str) -> (String, Facts) {
    let (locator, mut facts) = of;
    facts.attributes = vec![Attribute::unread(what)];
    (locator, facts)
}

/// What the comparison finds, and what it says was not compared.
fn compare(record: &[(String, Facts)], medium: &[(String, Facts)]) -> (Vec<String>, Vec<String>) {
    with_objects(record, medium, |_| None)
}

fn with_objects(
    record: &[(String, Facts)],
    medium: &[(String, Facts)],
    object: impl Fn(&str) -> Option<ObjectValue>,
) -> (Vec<String>, Vec<String>) {
    let mut reexamination = Reexamination::new();
    record
        .iter()
        .for_each(|(locator, facts)| reexamination.recorded_item(locator, facts, object(locator).as_ref()));
    medium.iter().for_each(|(locator, facts)| reexamination.item(locator, facts));
    let unsaid = reexamination.unsaid();
    assert_eq!(unsaid.items, u64::try_from(unsaid.first.len()).unwrap());
    assert_eq!(reexamination.unread().items, 0);
    let first = unsaid.first.clone();
    (reexamination.finish().iter().map(told).collect(), first)
}

fn missing(number: u32, name: &str) -> String {
    format!("missing {name}: on the medium at ext4:test/inode:{number}:0, not in the ledger")
}

const FOLDER: &str = "its folder, or what its name leads to, could not be read then";

#[test]
fn a_node_that_could_not_be_read_covers_the_item_of_that_name_alone() {
    let (_, named) = unread(item(12, Kind::Other, &["/a/x"]), Attribute::UNREAD_NODE);
    let record = [folder(2, "/"), folder(11, "/a"), ("ext4:test/inode:12:-".into(), named)];
    let medium = [folder(2, "/"), folder(11, "/a"), file(12, &["/a/x"])];
    let (found, unsaid) = compare(&record, &medium);
    assert_eq!(found, Vec::<String>::new());
    assert_eq!(unsaid, [format!("ext4:test/inode:12:0: {FOLDER}")]);
    // What it turns out to hold is covered with it; what is beside it is not.
    let medium = [
        folder(2, "/"),
        folder(11, "/a"),
        folder(12, "/a/x"),
        file(13, &["/a/x/y"]),
        file(14, &["/a/xy"]),
        file(15, &["/a/x:s"]),
    ];
    let (found, unsaid) = compare(&record, &medium);
    assert_eq!(found, [missing(14, "/a/xy"), missing(15, "/a/x:s")]);
    assert_eq!(unsaid.len(), 2);
    // An item that has another name besides, in a folder that was read, must be on record for that.
    let medium = [folder(2, "/"), folder(11, "/a"), file(12, &["/a/x", "/a/z"])];
    let (found, _) = compare(&record, &medium);
    assert_eq!(
        found[0],
        "missing /a/x (and 1 more): on the medium at ext4:test/inode:12:0, not in the ledger"
    );
    // The claim alone makes no item: where nothing has that name, it is too much.
    let (found, _) = compare(&record, &record[..2]);
    assert_eq!(found, ["extra ext4:test/inode:12:-: in the ledger, not on the medium"]);
}

#[test]
fn a_folder_of_which_names_were_wanting_covers_what_is_not_on_record_there_and_below() {
    let record = [
        folder(2, "/"),
        unread(folder(11, "/a"), Attribute::UNREAD_NAMES),
        folder(12, "/a/read"),
        file(13, &["/a/read/on-record"]),
        folder(14, "/b"),
    ];
    let mut medium = vec![
        folder(2, "/"),
        folder(11, "/a"),
        folder(12, "/a/read"),
        file(13, &["/a/read/on-record"]),
        folder(20, "/a/new"),
        file(21, &["/a/new/deep"]),
        file(22, &["/a/file"]),
        folder(14, "/b"),
    ];
    let (found, unsaid) = compare(&record, &medium);
    assert_eq!(found, Vec::<String>::new());
    assert_eq!(unsaid.len(), 4, "{unsaid:?}");
    assert_eq!(unsaid[0], "ext4:test/inode:11:0: not all names in it could be read then");
    // In a folder that was read, below or beside the one that was not, everything is on record.
    medium.extend([file(30, &["/a/read/omitted"]), file(31, &["/b/omitted"]), file(32, &["/a/f", "/b/f"])]);
    medium.push(file(33, &["/ab"]));
    let (found, unsaid) = compare(&record, &medium);
    let two =
        "missing /a/f (and 1 more): on the medium at ext4:test/inode:32:0, not in the ledger".to_owned();
    assert_eq!(found, [missing(30, "/a/read/omitted"), missing(31, "/b/omitted"), two, missing(33, "/ab")]);
    assert_eq!(unsaid.len(), 4);
    // A folder that has something on record was read itself, though no record of it is kept.
    let record = [unread(folder(11, "/a"), Attribute::UNREAD_NAMES), file(13, &["/a/read/on-record"])];
    let medium =
        [folder(11, "/a"), folder(12, "/a/read"), file(13, &["/a/read/on-record"]), file(30, &["/a/read/x"])];
    let (found, _) = compare(&record, &medium);
    assert_eq!(found, [missing(30, "/a/read/x")]);
    // Without the claim all of it is missing, and of another volume it says nothing.
    let medium = [folder(2, "/"), folder(11, "/a"), file(22, &["/a/file"])];
    assert_eq!(compare(&[folder(2, "/"), folder(11, "/a")], &medium).0, [missing(22, "/a/file")]);
    let (elsewhere, mut other) = unread(folder(11, "/a"), Attribute::UNREAD_NAMES);
    other.volume = "ext4:other".into();
    let record = [folder(2, "/"), folder(11, "/a"), (elsewhere.replace("test", "other"), other.clone())];
    let mut medium = medium.to_vec();
    medium.push((record[2].0.clone(), other));
    assert_eq!(compare(&record, &medium).0, [missing(22, "/a/file")]);
}

#[test]
fn an_item_that_had_fewer_names_or_none_since_a_folder_could_not_be_read_is_no_difference() {
    let (locator, mut nameless) = item(13, Kind::Deleted, &[]);
    nameless.size = Some(3);
    let record = [
        folder(2, "/"),
        unread(folder(11, "/a"), Attribute::UNREAD_NAMES),
        file(12, &["/b"]),
        (locator, nameless),
        ("ext4:test/inode:13:0/recovered".into(), item(13, Kind::Recovered, &[]).1),
    ];
    let medium = [folder(2, "/"), folder(11, "/a"), file(12, &["/a/b", "/b"]), file(13, &["/a/c"])];
    let (found, unsaid) = compare(&record, &medium);
    assert_eq!(found, Vec::<String>::new());
    assert_eq!(unsaid.len(), 3, "{unsaid:?}");
    let medium = [folder(2, "/"), folder(11, "/a"), file(12, &["/b", "/c"]), file(13, &["/d"])];
    let (found, _) = compare(&record, &medium);
    assert_eq!(
        found,
        [
            "fact /b (and 1 more): the medium differs from the ledger in: name",
            "fact /d: the medium differs from the ledger in: kind, name, size",
            "extra ext4:test/inode:13:0/recovered: in the ledger, not on the medium",
        ]
    );
}

#[test]
fn facts_that_were_wanting_are_not_compared_and_others_are() {
    let record = [unread(file(12, &["/x"]), Attribute::UNREAD_FACTS)];
    let (locator, mut facts) = file(12, &["/x"]);
    facts.size = Some(7);
    let stream =
        (format!("{locator}:3"), Facts { names: vec!["/x:s".into()], kind: Kind::Stream, ..facts.clone() });
    let (found, unsaid) = compare(&record, &[(locator.clone(), facts.clone()), stream.clone()]);
    assert_eq!(found, Vec::<String>::new());
    assert_eq!(unsaid.len(), 2);
    facts.kind = Kind::Directory;
    facts.names = vec!["/y".into()];
    let (found, _) = compare(&record, &[(locator.clone(), facts.clone())]);
    assert_eq!(found, ["fact /y: the medium differs from the ledger in: kind, name"]);
    let (found, _) = compare(&[(locator.clone(), facts.clone())], &[(locator, facts), stream]);
    assert_eq!(found, ["missing /x:s: on the medium at ext4:test/inode:12:0:3, not in the ledger"]);
}

/// The item 12 with what `change` makes of its facts.
fn with(change: &dyn Fn(&mut Facts)) -> (String, Facts) {
    let (locator, mut facts) = file(12, &["/x"]);
    let time = |from: &str, ns| Stamp { of: TimeKind::Modified, from: from.into(), ns, zone: Zone::Recorded };
    facts.times = vec![time("inode", 5), time("$FN", 6), time("$FN", 7)];
    (facts.size, facts.uid, facts.mode, facts.links) = (Some(7), Some(0), Some(0o644), Some(1));
    facts.attributes = vec![attribute("user.a", "1"), attribute("user.b", "2")];
    change(&mut facts);
    (locator, facts)
}

fn attribute(name: &str, value: &str) -> Attribute {
    Attribute { name: name.into(), size: 1, value: value.into() }
}

#[test]
fn what_is_stated_is_compared_where_other_facts_were_wanting() {
    let original = with(&|_| ());
    let stated = |change: &dyn Fn(&mut Facts)| {
        let (locator, mut facts) = with(change);
        facts.attributes.push(Attribute::unread(Attribute::UNREAD_FACTS));
        let (found, unsaid) = compare(&[(locator, facts)], std::slice::from_ref(&original));
        assert_eq!(unsaid, ["ext4:test/inode:12:0: not all of it could be read then"]);
        found
    };
    let differs = |what: &str| vec![format!("fact /x: the medium differs from the ledger in: {what}")];
    // Whatever is wanting.
    assert_eq!(stated(&|_| ()), Vec::<String>::new());
    assert_eq!(stated(&|facts| facts.attributes.clear()), Vec::<String>::new());
    assert_eq!(stated(&|facts| _ = facts.attributes.remove(0)), Vec::<String>::new());
    assert_eq!(stated(&|facts| _ = facts.times.remove(2)), Vec::<String>::new());
    assert_eq!(stated(&|facts| facts.times.clear()), Vec::<String>::new());
    assert_eq!(stated(&|facts| (facts.size, facts.uid) = (None, None)), Vec::<String>::new());
    // What is there.
    assert_eq!(stated(&|facts| facts.times[0].ns = 8), differs("time modified"));
    assert_eq!(stated(&|facts| facts.times[2].ns = 8), differs("time modified"));
    assert_eq!(stated(&|facts| facts.times[0].from = "stat".into()), differs("time modified"));
    assert_eq!(
        stated(&|facts| facts.times.push(Stamp { ns: 9, ..facts.times[0].clone() })),
        differs("time modified")
    );
    assert_eq!(stated(&|facts| facts.size = Some(8)), differs("size"));
    assert_eq!(stated(&|facts| (facts.uid, facts.mode) = (Some(1), Some(0))), differs("mode, uid"));
    assert_eq!(stated(&|facts| (facts.gid, facts.links) = (Some(1), Some(2))), differs("gid, links"));
    assert_eq!(stated(&|facts| facts.attributes[1].value = "3".into()), differs("attribute"));
    assert_eq!(stated(&|facts| facts.attributes[1].name = "user.c".into()), differs("attribute"));
}

#[test]
fn what_a_reader_states_for_a_part_that_it_lacks_is_no_difference() {
    let (locator, mut iso) = with(&|facts| facts.times.truncate(1));
    iso.times[0].from = "dir-entry".into();
    iso.attributes = vec![Attribute::unread(Attribute::UNREAD_FACTS)];
    let original = with(&|facts| facts.times.truncate(1));
    assert_eq!(compare(&[(locator.clone(), iso.clone())], &[original]).0, Vec::<String>::new());
    let original = with(&|facts| facts.times[0].from = "dir-entry".into());
    assert_eq!(
        compare(&[(locator.clone(), iso.clone())], std::slice::from_ref(&original)).0,
        Vec::<String>::new()
    );
    iso.times[0].ns = 6;
    assert_eq!(compare(&[(locator, iso)], &[original]).0.len(), 1);
    // Of NTFS a short name is a name until it is known to be one.
    let (locator, mut ntfs) = with(&|facts| facts.links = Some(2));
    ntfs.attributes = vec![Attribute::unread(Attribute::UNREAD_FACTS)];
    let original = with(&|facts| facts.attributes.push(attribute("ntfs.short-name", "X")));
    assert_eq!(compare(&[(locator, ntfs)], &[original]).0, Vec::<String>::new());
}

#[test]
fn what_the_original_states_is_compared_where_other_facts_are_wanting_today() {
    let today = |change: &dyn Fn(&mut Facts)| {
        let (locator, mut facts) = with(change);
        facts.attributes = vec![Attribute::unread(Attribute::UNREAD_FACTS)];
        let mut reexamination = Reexamination::new();
        let (_, then) = with(&|_| ());
        reexamination.recorded_item(&locator, &then, None);
        reexamination.item(&locator, &facts);
        assert_eq!(reexamination.unread().items, 1);
        reexamination.finish().iter().map(told).collect::<Vec<String>>()
    };
    assert_eq!(today(&|facts| (facts.times.clear(), facts.size = None).1), Vec::<String>::new());
    let differs = "fact /x: the medium differs from the ledger in: size, uid";
    assert_eq!(today(&|facts| (facts.size, facts.uid) = (Some(9), Some(9))), [differs]);
}

/// Of a file of which facts were wanting the policy may decide otherwise once they are there.
#[test]
fn a_decision_that_is_another_with_what_can_be_read_today_is_told() {
    let mut case = Case::new();
    let name = "/srv/tenant/www/gate.php";
    let original = case.items[case.at(name)].facts.clone();
    let otherwise = |case: &Case, change: &dyn Fn(&mut Decision)| {
        let item = &case.items[case.at(name)];
        let mut reexamination = Reexamination::new();
        reexamination.record(&item.record).unwrap();
        let parts = item.record.parts().unwrap();
        let DecisionValue { outcome, tier, rules, looks, .. } = parts.decision;
        let mut decision = Decision { outcome, tier, rules, looks, trits: parts.trits };
        change(&mut decision);
        reexamination.item(&item.record.locator, &original);
        reexamination.decided(&item.record.locator, &decision);
        let unsaid = reexamination.unsaid();
        assert_eq!(unsaid.otherwise, unsaid.otherwise_first.len() as u64);
        unsaid.otherwise
    };
    let left: &dyn Fn(&mut Decision) = &|decision| decision.outcome = Outcome::Left;
    // Where everything was compared, the replay alone says whether the decision follows.
    assert_eq!(otherwise(&case, left), 0);
    case.change_facts(name, |facts| facts.attributes.push(Attribute::unread(Attribute::UNREAD_FACTS)));
    assert_eq!(otherwise(&case, &|_| ()), 0);
    assert_eq!(otherwise(&case, left), 1);
    assert_eq!(otherwise(&case, &|decision| decision.tier = Tier::OutOfScope), 1);
    assert_eq!(otherwise(&case, &|decision| decision.rules.push("X-9".into())), 1);
    assert_eq!(otherwise(&case, &|decision| decision.looks.clear()), 0);
}

fn archive(failed: bool) -> (String, Facts) {
    let (locator, mut facts) = file(12, &["/box.zip"]);
    facts.looks = vec![Look::Metadata, Look::Content];
    if failed {
        facts.failures = vec![Failure::new(Look::Content, "read error after 0 bytes: other error")];
    } else {
        facts.container = Some(ContainerFact {
            form: "zip".into(),
            members: 1,
            captured: 0,
            barred: 0,
            others: 0,
            trouble: None,
        });
    }
    (locator, facts)
}

fn member(of: &str) -> (String, Facts) {
    let (_, file) = file(12, &["/box.zip!/a"]);
    let member = Member { of: of.into(), number: 0, depth: 1, name: "a".into() };
    (format!("{of}/member:0"), Facts { kind: Kind::Member, member: Some(member), ..file })
}

fn object(complete: bool) -> ObjectValue {
    let missing = if complete { Vec::new() } else { vec![(0, 512)] };
    ObjectValue::new(scope::Digest::of(b""), 1024, "captured-0001".into(), missing)
}

#[test]
fn a_look_that_failed_for_want_of_bytes_covers_what_it_finds_and_the_members_of_its_archive() {
    let (then, today) = ([archive(true)], [member("ext4:test/inode:12:0"), archive(false)]);
    let (found, unsaid) = compare(&then, &today);
    assert_eq!(found, Vec::<String>::new());
    assert_eq!(
        unsaid,
        [
            "ext4:test/inode:12:0/member:0: it is in an archive that could not be read then",
            "ext4:test/inode:12:0: it could not be read then for its words searched for",
        ]
    );
    let partial = with_objects(&then, &today, |_| Some(object(false)));
    assert_eq!(partial.0, Vec::<String>::new());
    // The record says that every byte was there: then the look was not for want of any.
    let (found, _) = with_objects(&then, &today, |_| Some(object(true)));
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(
        found[1],
        "fact /box.zip: the medium differs from the ledger in: container, failure of content"
    );
    // Nor was it for what an archive says of itself.
    let mut contradicted = archive(true);
    contradicted.1.failures = vec![Failure::new(Look::Content, &format!("{}so", Failure::OF_ARCHIVE))];
    assert_eq!(compare(&[contradicted], &today).0.len(), 2);
    // Of an archive that was opened every member is on record, and the claim is of one archive.
    assert_eq!(compare(&[archive(false)], &today).0.len(), 1);
    let other = [archive(true), file(13, &["/other.zip"])];
    let (found, _) =
        compare(&other, &[member("ext4:test/inode:13:0"), file(13, &["/other.zip"]), archive(false)]);
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn under_counts_the_number_of_what_was_left_may_differ_by_what_is_covered_alone() {
    let left = |lines: u64, claim: bool| {
        let mut reexamination = Reexamination::new();
        let folder = folder(11, "/a");
        let (locator, facts) = if claim { unread(folder.clone(), Attribute::UNREAD_NAMES) } else { folder };
        reexamination.recorded_item(&locator, &facts, None);
        for (locator, facts) in [file(12, &["/a/x"]), file(13, &["/b"])] {
            reexamination.left_item(&locator, &facts);
        }
        reexamination.left_lines(lines);
        reexamination.take_findings().len()
    };
    assert_eq!([left(0, true), left(1, true), left(2, true), left(3, true)], [1, 0, 0, 1]);
    assert_eq!([left(1, false), left(2, false)], [1, 0]);
}
