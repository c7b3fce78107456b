//! What lies in an archive lies under its path, and what was taken with it was taken.

use super::*;
use crate::item::Control;

const VOLUME: &str = "ext4:9f0c";

fn walked() -> Under {
    let mut under = Under::new(b"/d/box.zip").unwrap();
    under.volumes.insert(VOLUME.to_owned(), 0);
    under
}

/// A record: members lie in the item before the last `/member:` of the node.
fn record(under: &mut Under, node: &str, name: &str, outcome: &str, container: Option<&str>) {
    under.record(&made(node, name, outcome, container));
}

fn made(node: &str, name: &str, outcome: &str, container: Option<&str>) -> Record {
    let control: Option<Control> = (outcome != "left").then(|| {
        let series = match outcome {
            "captured" => "C",
            "listed" => "L",
            _ => "H1",
        };
        format!("KC07-{series}-0000001").parse().unwrap()
    });
    let locator = format!("{VOLUME}/{node}");
    let (kind, own, member) = match locator.rsplit_once("/member:") {
        None => ("file", node.to_owned(), None),
        Some((of, number)) => {
            let inner = name.rsplit_once("!/").unwrap().1;
            let depth = locator.matches("/member:").count();
            let member = format!(
                r#"{{"member":{{"of":"{of}","number":{number},"depth":{depth},"name":{}}}}}"#,
                serde_json::to_string(inner).unwrap()
            );
            ("member", format!("member:{number}"), Some(member))
        }
    };
    let mut facts = vec![
        format!(r#"{{"volume":"{VOLUME}"}}"#),
        r#"{"case-rule":"sensitive"}"#.to_owned(),
        format!(r#"{{"node":"{own}"}}"#),
        format!(r#"{{"kind":"{kind}"}}"#),
        format!(r#"{{"name":{}}}"#, serde_json::to_string(name).unwrap()),
        r#"{"links":1}"#.to_owned(),
    ];
    facts.extend(member);
    if let Some(trouble) = container {
        facts.push(format!(
            r#"{{"container":{{"form":"zip","members":1,"captured":0,"barred":0,"others":0,"trouble":{trouble}}}}}"#
        ));
    }
    facts.push(r#"{"looks":["metadata"]}"#.to_owned());
    let record = Record {
        id: [0; 16],
        locator,
        facts,
        trits: r#"["T"]"#.to_owned(),
        decision: format!(
            r#"{{"outcome":"{outcome}","tier":"included","rules":[],"looks":["metadata"],"control":{},"policy":"{}"}}"#,
            serde_json::to_string(&control).unwrap(),
            scope::Digest::of(b"policy")
        ),
        object: "-".to_owned(),
    };
    assert!(record.parts().is_ok(), "{:?}", record.parts());
    record
}

fn of(found: &Counted) -> ([u64; 4], [u64; 2]) {
    let (Counts { captured, held, listed, left, .. }, within) = (found.counts(), found.within());
    ([captured, held, listed, left], [within.captured, within.held])
}

#[test]
fn an_archive_that_stands_by_its_files_has_them_under_its_path() {
    let mut under = walked();
    record(&mut under, "inode:13:0/member:0", "/d/box.zip!/diary.txt", "captured", None);
    record(&mut under, "inode:13:0/member:1", "/d/box.zip!/priv/l.txt", "left", None);
    record(&mut under, "inode:13:0", "/d/box.zip", "left", Some("null"));
    // A folder of such a name on the volume is no archive.
    record(&mut under, "inode:14:0", "/d/box.zip!/real.txt", "captured", None);
    let found = under.finish();
    assert_eq!(of(&found), ([1, 0, 0, 2], [0, 0]));
    assert_eq!(found.archives(), Archives { opened: 1, closed: 0, closed_kept: 0 });
    assert_eq!(found.unreadable(), 0);
}

#[test]
fn what_was_left_in_an_archive_that_was_held_whole_was_held() {
    let fill = |under: &mut Under, outer: &str, inner: &str| {
        record(under, "inode:13:0/member:0/member:0", "/d/box.zip!/in.zip!/a.txt", "left", None);
        record(under, "inode:13:0/member:0/member:1", "/d/box.zip!/in.zip!/b.txt", "listed", None);
        record(under, "inode:13:0/member:0", "/d/box.zip!/in.zip", inner, Some("null"));
        record(under, "inode:13:0", "/d/box.zip", outer, Some("\"4 bytes of it are loose\""));
    };
    for (outer, inner, expected) in [
        ("left", "left", ([0, 0, 1, 3], [0, 0])),
        ("held:neutral", "left", ([0, 4, 0, 0], [0, 3])),
        ("left", "held:neutral", ([0, 3, 0, 1], [0, 2])),
        ("held:neutral", "captured", ([3, 1, 0, 0], [2, 0])),
        ("captured", "held:neutral", ([4, 0, 0, 0], [3, 0])),
    ] {
        let mut under = walked();
        fill(&mut under, outer, inner);
        let found = under.finish();
        assert_eq!(of(&found), expected, "{outer}, {inner}");
        let closed_kept = u64::from(outer != "left");
        assert_eq!(found.archives(), Archives { opened: 1, closed: 1, closed_kept });
    }
    // Of the members under the path alone; and the archive's own record need not be under it.
    let mut under = Under::new(b"/d/box.zip!/in.zip!/a.txt").unwrap();
    under.volumes.insert(VOLUME.to_owned(), 0);
    fill(&mut under, "held:neutral", "left");
    assert_eq!(of(&under.finish()), ([0, 1, 0, 0], [0, 1]));
}

#[test]
fn what_has_not_one_readable_byte_was_not_taken() {
    let object = |unreadable: &str| {
        format!(
            r#"{{"sha256":"{}","size":12,"part":"held-neutral-0001","read":"partial","unreadable":[{unreadable}]}}"#,
            scope::Digest::of(b"zeros")
        )
    };
    for (outer, unreadable, expected, unread) in [
        ("left", "[0,12]", [0, 0, 0, 1], 1),
        ("left", "[0,11]", [0, 1, 0, 1], 0),
        // Its packed bytes are in the archive.
        ("held:neutral", "[0,12]", [0, 2, 0, 0], 0),
    ] {
        let mut under = walked();
        let made = made("inode:13:0/member:0", "/d/box.zip!/books.txt", "held:neutral", None);
        under.record(&Record { object: object(unreadable), ..made });
        record(&mut under, "inode:13:0", "/d/box.zip", outer, Some("\"1 members are encrypted\""));
        let found = under.finish();
        assert_eq!((of(&found).0, found.counts().unread), (expected, unread), "{outer}, {unreadable}");
    }
}

#[test]
fn a_name_inside_of_an_archive_may_be_the_path_that_is_meant() {
    let mut under = Under::new(b"/home/anna").unwrap();
    under.volumes.insert(VOLUME.to_owned(), 0);
    for (number, inside) in
        ["home/anna/a", "./home/anna/b", "/home//anna/c", "home\\anna\\d", "home/annabel/e", "anna/f"]
            .into_iter()
            .enumerate()
    {
        let name = format!("/backup.tar!/{inside}");
        record(&mut under, &format!("inode:13:0/member:{number}"), &name, "left", None);
    }
    // Also of what lies in another archive below that name, and of both names of one item.
    let nested = "/backup.tar!/home/anna/in.zip!/x";
    record(&mut under, "inode:13:0/member:6/member:0", nested, "captured", None);
    record(&mut under, "inode:13:0", "/backup.tar", "held:neutral", Some("null"));
    let found = under.finish();
    assert_eq!(of(&found), ([0, 0, 0, 0], [0, 0]));
    let ending = |path: &str, all| Ending { path: RawName::from(path), items: Portion { all, kept: all } };
    assert_eq!(found.inside(), [ending("/home/anna", 5), ending("/anna", 1)]);
    assert_eq!(found.endings(), []);
}

#[test]
fn a_path_in_an_archive_is_met_however_its_maker_spelled_it() {
    let mut under = Under::new(b"/dot.tar!/Anwalt").unwrap();
    under.volumes.insert(VOLUME.to_owned(), 0);
    for (number, inside) in ["./Anwalt/a", "Anwalt//b", "Anwalt\\c", "anwalt/d"].into_iter().enumerate() {
        let name = format!("/dot.tar!/{inside}");
        record(&mut under, &format!("inode:13:0/member:{number}"), &name, "left", None);
    }
    record(&mut under, "inode:13:0", "/dot.tar", "left", Some("null"));
    let found = under.finish();
    assert_eq!(of(&found), ([0, 0, 0, 3], [0, 0]));
    assert_eq!(found.other_case(), Portion { all: 1, kept: 0 });
}
