//! The ledger against the medium.

use scope::facts::{ContainerFact, Failure, HashFact};
use scope::{Digest, RawName};

use super::*;
use crate::acquisition::{LayerStatement, MediumStatement};
use crate::replay::testing::{Case, take, told};

/// The medium as it was captured, or a changed one.
fn medium(case: &Case) -> Vec<(String, Facts)> {
    case.items.iter().map(|item| (item.record.locator.clone(), item.facts.clone())).collect()
}

/// Changes the medium; what the comparison finds must be this.
fn check(change: impl FnOnce(&Case, &mut Vec<(String, Facts)>), expected: &[&str]) {
    let case = Case::new();
    let mut items = medium(&case);
    change(&case, &mut items);
    let found = match_medium(case.items.iter().map(|item| &item.record), items);
    let found: Vec<String> = found.iter().map(told).collect();
    assert_eq!(found, expected);
}

fn at<'m>(items: &'m mut [(String, Facts)], name: &str) -> &'m mut Facts {
    let name = RawName::from(name);
    &mut items.iter_mut().find(|(_, facts)| facts.names.contains(&name)).unwrap().1
}

#[test]
fn the_same_medium_has_no_findings() {
    check(|_, _| {}, &[]);
    check(|_, items| items.reverse(), &[]);
}

#[test]
fn missing_and_extra() {
    check(
        |case, items| {
            items.push((
                "ext4:test/inode:77:0".into(),
                Facts { names: vec!["/new\n".into()], ..case.items[2].facts.clone() },
            ))
        },
        &["missing /new%0A: on the medium at ext4:test/inode:77:0, not in the ledger"],
    );
    check(
        |_, items| {
            items.pop();
        },
        &["extra ext4:test/inode:14:0: in the ledger, not on the medium"],
    );
}

#[test]
fn facts_that_differ_are_named() {
    let gate = "/srv/tenant/www/gate.php";
    check(
        |_, items| {
            let facts = at(items, gate);
            facts.size = Some(6);
            facts.uid = None;
            facts.times[0].ns += 1;
        },
        &["fact /srv/tenant/www/gate.php: the medium differs from the ledger in: size, time modified, uid"],
    );
    check(
        |_, items| at(items, gate).names.push("/srv/zzz".into()),
        &["fact /srv/tenant/www/gate.php (and 1 more): the medium differs from the ledger in: name"],
    );
    check(
        |_, items| at(items, "/srv/pool/named.bin").hash.as_mut().unwrap().sha256 = Digest::of(b"other"),
        &["fact /srv/pool/named.bin: the medium differs from the ledger in: hash"],
    );
    check(
        |_, items| {
            let facts = at(items, "/srv/pool/named.bin");
            facts.hash = None;
            facts.failures.push(Failure { look: Look::Hash, reason: "read error".into() });
        },
        &["fact : ext4:test/inode:9:0: it cannot be read today for its hash"],
    );
    check(
        |_, items| {
            let facts = at(items, "/srv/pool/named.bin");
            facts.hash = None;
            facts.failures.push(Failure::new(Look::Hash, &format!("{}so", Failure::OF_ARCHIVE)));
        },
        &["fact /srv/pool/named.bin: the medium differs from the ledger in: failure of hash, hash"],
    );
    check(
        |_, items| at(items, "/srv/mail/1.eml").keywords[0].hits.clear(),
        &["fact /srv/mail/1.eml: the medium differs from the ledger in: keywords"],
    );
}

#[test]
fn looks_that_only_one_side_took_are_not_compared() {
    // Looked into deeper today.
    check(|case, items| take(&case.policy, Look::Hash, at(items, "/etc/passwd"), b"root:x:0:0"), &[]);
    // Not hashed today.
    check(
        |_, items| {
            let facts = at(items, "/srv/pool/named.bin");
            (facts.hash, facts.looks) = (None, vec![Look::Metadata]);
        },
        &[],
    );
    // With MD5 today: the same content.
    check(
        |_, items| {
            let hash = at(items, "/srv/pool/named.bin").hash.as_mut().unwrap();
            *hash = HashFact { md5: Some("0".repeat(32)), ..hash.clone() };
        },
        &[],
    );
}

#[test]
fn what_reading_moves_is_compared_on_an_image_alone() {
    let move_times = |items: &mut [(String, Facts)]| {
        let facts = at(items, "/etc/passwd");
        facts.times[1].ns += 1;
        facts.allocated = Some(8192);
    };
    check(
        |_, items| move_times(items),
        &["fact /etc/passwd: the medium differs from the ledger in: allocated, time accessed"],
    );
    let mut case = Case::new();
    for item in &mut case.items {
        item.facts.volume = "tree".into();
    }
    let mut reexamination = Reexamination::new();
    medium(&case).iter().for_each(|(locator, facts)| reexamination.recorded_item(locator, facts, None));
    let mut items = medium(&case);
    move_times(&mut items);
    at(&mut items, "/etc/passwd").times[0].ns += 1;
    items.iter().for_each(|(locator, facts)| reexamination.item(locator, facts));
    let found: Vec<String> = reexamination.finish().iter().map(told).collect();
    assert_eq!(found, ["fact /etc/passwd: the medium differs from the ledger in: time modified"]);
}

#[test]
fn a_sample_says_nothing_of_what_was_not_drawn() {
    let case = Case::new();
    let mut reexamination = Reexamination::new();
    case.items.iter().for_each(|item| reexamination.record(&item.record).unwrap());
    let (locator, facts) = medium(&case).remove(3);
    reexamination.item(&locator, &Facts { mode: None, ..facts });
    let found: Vec<String> = reexamination.finish_sample().iter().map(told).collect();
    assert_eq!(found, ["fact /srv/tenant/www/gate.php: the medium differs from the ledger in: mode"]);
}

#[test]
fn a_record_that_cannot_be_read_is_a_finding_and_not_a_missing_item() {
    let mut case = Case::new();
    let items = medium(&case);
    case.record("/etc/passwd").facts.reverse();
    let found = match_medium(case.items.iter().map(|item| &item.record), items);
    let found: Vec<String> = found.iter().map(told).collect();
    assert_eq!(
        found,
        ["fact ext4:test/inode:14:0: the facts cannot be used: facts are doubled or out of order"]
    );
}

#[test]
fn under_counts_an_item_that_is_left_is_not_missed() {
    let case = Case::new();
    let mut reexamination = Reexamination::new();
    let kept = case.items.iter().filter(|item| !item.record.decision.contains("\"left\""));
    kept.for_each(|item| reexamination.record(&item.record).unwrap());
    for (locator, facts) in medium(&case) {
        // A file that was captured is not in scope any more, says somebody: it is compared all the same.
        let size = if locator.ends_with(":3:0") { Some(9) } else { facts.size };
        reexamination.left_item(&locator, &Facts { size, ..facts });
    }
    let found: Vec<String> = reexamination.finish().iter().map(told).collect();
    assert_eq!(found, ["fact /srv/tenant/www/gate.php: the medium differs from the ledger in: size"]);
}

/// The content of gate.php, `<?php`, is read again; what is said of it, and what is counted.
fn check_object(
    change: impl FnOnce(&mut Case),
    today: io::Result<&'static [u8]>,
    expected: &[&str],
    counted: Objects,
) {
    let today = today.map(|bytes| Box::new(io::Cursor::new(bytes)) as Box<dyn Original>);
    compare_content(change, today, expected, counted);
}

fn compare_content(
    change: impl FnOnce(&mut Case),
    today: io::Result<Box<dyn Original>>,
    expected: &[&str],
    counted: Objects,
) -> Unread {
    let mut case = Case::new();
    change(&mut case);
    let mut reexamination = Reexamination::new();
    case.items.iter().for_each(|item| reexamination.record(&item.record).unwrap());
    let item = &case.items[case.at("/srv/tenant/www/gate.php")];
    let locator = item.record.locator.clone();
    assert!(reexamination.has_object(&locator) && !reexamination.has_object("ext4:test/inode:14:0"));
    reexamination.object(&locator, &item.facts, || today);
    assert_eq!(reexamination.objects(), counted);
    let unread = reexamination.unread().clone();
    assert_eq!(unread.items, counted.unreadable_now);
    let found: Vec<String> = reexamination.finish_sample().iter().map(told).collect();
    assert_eq!(found.len(), expected.len(), "{found:?}");
    found.iter().zip(expected).for_each(|(found, part)| assert!(found.contains(part), "{found}"));
    unread
}

/// `<?php` from a medium that gives zeros for want of some of it.
struct Torn(io::Cursor<&'static [u8]>, &'static [(u64, u64)]);

impl io::Read for Torn {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Original for Torn {
    fn missing(&self) -> &[(u64, u64)] {
        self.1
    }
}

#[test]
fn what_the_original_gives_is_compared_although_it_is_not_all() {
    let one = Objects { compared: 1, partial: 1, ..Objects::default() };
    let unread = Objects { unreadable_now: 1, ..Objects::default() };
    let check = |bytes, missing, kept: &'static [(u64, u64)], counted, findings: &[&str], told: &[&str]| {
        let change = move |case: &mut Case| {
            case.change_object("/srv/tenant/www/gate.php", |object| {
                let part = object.part.clone();
                *object = ObjectValue::new(Digest::of(b"<\0\0hp"), 5, part, kept.to_vec());
            });
        };
        let today: io::Result<Box<dyn Original>> = Ok(Box::new(Torn(io::Cursor::new(bytes), missing)));
        let unread = compare_content(change, today, findings, counted);
        assert_eq!(unread.first, told);
    };
    // As torn today as then; a byte less torn; and other bytes beside it.
    check(b"<\0\0hp", &[(1, 3)], &[(1, 3)], one, &[], &[]);
    check(b"<\0?hp", &[(1, 2)], &[(1, 3)], Objects { readable_now: 1, ..one }, &[], &[]);
    check(b"<\0\0hP", &[(1, 3)], &[(1, 3)], one, &["differs from the ledger in: object ("], &[]);
    // More torn than then, on each side, or in between.
    let said = |what: &str| format!("ext4:test/inode:3:0: its bytes {what} cannot be read today");
    check(b"\0\0\0hp", &[(0, 3)], &[(1, 3)], unread, &[], &[&said("0-1")]);
    check(b"\0\0\0\0\0", &[(0, 5)], &[(1, 3)], unread, &[], &[&said("0-1, 3-5")]);
    check(b"<\0\0hp", &[(1, 3)], &[(1, 2)], unread, &[], &[&said("2-3")]);
}

/// A member of an archive that contradicts it behind these bytes, or in this range of them.
struct Damaged(io::Cursor<&'static [u8]>, &'static [(u64, u64)]);

impl io::Read for Damaged {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buf)? {
            0 if self.1.is_empty() => Err(io::Error::other("its check sum is another")),
            count => Ok(count),
        }
    }
}

impl Original for Damaged {
    fn missing(&self) -> &[(u64, u64)] {
        self.1
    }

    fn is_damaged(&self) -> bool {
        true
    }
}

#[test]
fn what_an_archive_contradicts_today_is_compared_as_it_is() {
    let one = Objects { compared: 1, ..Objects::default() };
    let check = |bytes: &'static [u8], missing, trouble: Option<&'static str>, findings: &[&str]| {
        let change = move |case: &mut Case| {
            case.change_object("/srv/tenant/www/gate.php", |object| {
                *object = object.clone().with_trouble(trouble);
            });
        };
        let today: io::Result<Box<dyn Original>> = Ok(Box::new(Damaged(io::Cursor::new(bytes), missing)));
        compare_content(change, today, findings, one);
    };
    let name = "the medium differs from the ledger in: object (damaged in its archive: sha256:";
    // The same bytes with another check sum: nothing was amiss then, so something was changed.
    check(b"<?php", &[], None, &[name]);
    check(b"<?php", &[], Some("its check sum is another"), &[]);
    check(b"<?PHP", &[], Some("its check sum is another"), &[name]);
    check(b"<?ph", &[], None, &["of 4 bytes"]);
    check(b"<?\0\0\0", &[(2, 5)], None, &[name]);
}

#[test]
fn objects_are_compared_with_the_original() {
    let one = Objects { compared: 1, ..Objects::default() };
    let partial = Objects { partial: 1, ..one };
    let name = "fact /srv/tenant/www/gate.php: the medium differs from the ledger in: object (";
    check_object(|_| {}, Ok(b"<?php"), &[], one);
    check_object(|_| {}, Ok(b"<?PHP"), &[name], one);
    check_object(|_| {}, Ok(b"<?ph"), &["of 4 bytes; recorded"], one);
    check_object(|_| {}, Ok(b"<?php5"), &["more bytes than recorded"], one);
    let unread = Objects { unreadable_now: 1, ..Objects::default() };
    check_object(|_| {}, Err(io::Error::other("gone")), &[], unread);
    // Zeros stand where the medium gave nothing, and there alone.
    let cut = |from: u64, to: u64, bytes: &'static [u8]| {
        move |case: &mut Case| {
            case.change_object("/srv/tenant/www/gate.php", |object| {
                let part = object.part.clone();
                *object = ObjectValue::new(Digest::of(bytes), 5, part, vec![(from, to)]);
            });
        }
    };
    check_object(cut(1, 3, b"<\0\0hp"), Ok(b"<?php"), &[], Objects { readable_now: 1, ..partial });
    check_object(cut(1, 3, b"<\0\0hp"), Ok(b"<?phP"), &[name], Objects { readable_now: 1, ..partial });
    check_object(cut(2, 5, b"<?\0\0\0"), Ok(b"<?"), &[], partial);
    check_object(cut(0, 5, &[0; 5]), Err(io::Error::other("gone")), &[], partial);
    check_object(cut(1, 5, b"<\0\0\0\0"), Err(io::Error::other("gone")), &[], unread);
}

#[test]
fn the_medium_is_the_one_that_was_acquired() {
    let id =
        |kind: &str, value: &str| crate::acquisition::MediumId { kind: kind.into(), value: value.into() };
    let stated = MediumStatement {
        label: "KC07".into(),
        form: "raw image".into(),
        size: Some(4096),
        ids: vec![id("fsuuid", "9f0c"), id("serial", "TEST1")],
    };
    let check = |size, ids: &[(&str, &str)], compared: usize, expected: &[&str]| {
        let mut reexamination = Reexamination::new();
        let ids: Vec<_> = ids.iter().map(|(kind, value)| ((*kind).into(), (*value).into())).collect();
        assert_eq!(reexamination.medium(&stated, size, &ids), compared);
        let found: Vec<String> = reexamination.finish().iter().map(told).collect();
        assert_eq!(found, expected);
    };
    check(Some(4096), &[("fsuuid", "9f0c"), ("wwn", "5")], 1, &[]);
    check(None, &[], 0, &[]);
    check(Some(4097), &[], 0, &["fact : the medium has 4097 bytes; 4096 were acquired"]);
    let other = "fact : the medium has the fsuuid 9f0d; the one that was acquired has 9f0c";
    check(None, &[("serial", "TEST1"), ("fsuuid", "9f0d")], 2, &[other]);
}

#[test]
fn another_medium_is_known_by_what_it_shows() {
    let id =
        |kind: &str, value: &str| crate::acquisition::MediumId { kind: kind.into(), value: value.into() };
    let stated = MediumStatement {
        label: "KC07".into(),
        form: "raw image".into(),
        size: Some(4096),
        ids: vec![
            id("fsuuid", "9f0c"),
            id("fsuuid", "9f0e"),
            id("image_sha256", "aa"),
            id("serial", "TEST1"),
        ],
    };
    let layer = |what: &str| LayerStatement {
        place: String::new(),
        start: Some(0),
        length: 4096,
        what: what.into(),
        state: crate::acquisition::LayerState::Read,
    };
    let check = |size, ids: &[(&str, &str)], layers: &[LayerStatement], expected: Option<&str>| {
        let ids: Vec<_> = ids.iter().map(|(kind, value)| ((*kind).into(), (*value).into())).collect();
        let found = Reexamination::other_medium(&stated, &[layer("ext4")], size, &ids, layers);
        assert_eq!(found.as_deref(), expected, "{ids:?}");
    };
    let ext4 = [layer("ext4")];
    check(Some(4096), &[("fsuuid", "9f0c"), ("image_sha256", "aa")], &ext4, None);
    check(Some(4095), &[("fsuuid", "9f0c")], &ext4, Some("it has 4095 bytes, and 4096 were acquired"));
    // A new file system beside the one that is known, and a byte that was altered: the medium, altered.
    check(Some(4096), &[("fsuuid", "9f0c"), ("fsuuid", "1"), ("image_sha256", "bb")], &[layer("ext3")], None);
    let other = "it has the fsuuid 1, and 9f0c, 9f0e was acquired";
    check(None, &[("fsuuid", "1"), ("serial", "TEST1")], &ext4, Some(other));
    let other = "it has the image_sha256 bb, and aa was acquired";
    check(Some(4096), &[("image_sha256", "bb"), ("wwn", "5")], &ext4, Some(other));
    check(Some(4096), &[("image_sha256", "aa")], &[], None);
    // Where nothing can be compared, the layers are what is left; a mounted tree has none.
    check(None, &[("wwn", "5")], &ext4, None);
    let other = "it shows no identity that was acquired, and its layers are others";
    for layers in [&[layer("ext3")][..], &[], &[layer("ext4"), layer("ext4")]] {
        check(None, &[], layers, Some(other));
    }
}

#[test]
fn under_counts_items_left_are_counted() {
    let case = Case::new();
    let check = |lines, expected: &[&str]| {
        let mut reexamination = Reexamination::new();
        let left = medium(&case).into_iter().take(3);
        left.for_each(|(locator, facts)| assert!(!reexamination.left_item(&locator, &facts)));
        reexamination.left_lines(lines);
        let found: Vec<String> = reexamination.finish().iter().map(told).collect();
        assert_eq!(found, expected);
    };
    check(3, &[]);
    check(4, &["count : outcome left: 4 lines, 3 items on the medium"]);
}

#[test]
fn md5_and_sha1_are_compared_where_both_sides_have_them() {
    let check = |was: &str, is: Option<&str>, expected: &[&str]| {
        let mut case = Case::new();
        case.change_facts("/srv/pool/named.bin", |facts| {
            facts.hash.as_mut().unwrap().md5 = Some(was.repeat(32))
        });
        let mut items = medium(&case);
        at(&mut items, "/srv/pool/named.bin").hash.as_mut().unwrap().md5 = is.map(|is| is.repeat(32));
        let mut reexamination = Reexamination::new();
        assert!(!reexamination.has_md5());
        case.items.iter().for_each(|item| reexamination.record(&item.record).unwrap());
        assert!(reexamination.has_md5() && !reexamination.has_sha1());
        items.iter().for_each(|(locator, facts)| reexamination.item(locator, facts));
        let found: Vec<String> = reexamination.finish().iter().map(told).collect();
        assert_eq!(found, expected);
    };
    check("0", None, &[]);
    check("0", Some("0"), &[]);
    check("0", Some("1"), &["fact /srv/pool/named.bin: the medium differs from the ledger in: md5"]);
}

#[test]
fn a_container_that_cannot_be_opened_today_says_nothing_of_its_members() {
    let mut case = Case::new();
    let held =
        ContainerFact { form: "zip".into(), members: 1, captured: 1, barred: 0, others: 0, trouble: None };
    case.change_facts("/srv/mail/1.eml", |facts| facts.container = Some(held.clone()));
    let (container, member) = (case.at("/srv/mail/1.eml"), case.at("/etc/passwd"));
    let locator = case.items[container].record.locator.clone();
    case.items[member].record.locator = format!("{locator}/member:0");
    for fails in [true, false] {
        let mut reexamination = Reexamination::new();
        for item in &case.items {
            reexamination.record(&item.record).unwrap();
        }
        for (at, item) in case.items.iter().enumerate().filter(|(at, _)| *at != member) {
            let mut facts = item.facts.clone();
            if at == container && !fails {
                facts.container = Some(held.clone());
            }
            if at == container && fails {
                facts.failures.push(Failure::new(Look::Content, "not opened: the medium could not be read"));
            }
            reexamination.item(&item.record.locator, &facts);
        }
        let unread = reexamination.unread().items;
        let found: Vec<String> = reexamination.finish().iter().map(told).collect();
        let missing = format!("extra {locator}/member:0: in the ledger, not on the medium");
        match fails {
            true => assert_eq!((unread, found), (1, Vec::new())),
            false => assert_eq!((unread, found), (0, vec![missing])),
        }
    }
}
