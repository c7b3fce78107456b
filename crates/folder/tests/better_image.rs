//! A medium with a bad sector, and a better image of it: wherever the sector is, the record is never called wrong for it.
//!
//! The record is made of what a walk of the failing medium yields, as a capture makes it, and compared with the whole medium. Each sector
//! that a walk reads is the bad one in turn.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests"
)]

mod failing;

use std::collections::BTreeMap;

use failing::{Answer, Medium, Tool, compared, policy};

/// Compares with each sector bad; `known`: the sectors of which it is known that the answer is wrong.
fn sweep(tool: Tool) {
    let Some(medium) = Medium::made_by(tool) else { return };
    for left in ["facts", "counts"] {
        let policy = policy(left);
        assert!(matches!(compared(&medium, &policy, &[]), Answer::Yes), "{tool:?} {left}");
        let mut answers = BTreeMap::new();
        // By what is said first, and without places: one of each is shown.
        let mut wrong: BTreeMap<String, (usize, String)> = BTreeMap::new();
        for sector in medium.read_by_a_walk() {
            let bad = sector * 512..(sector + 1) * 512;
            let answer = compared(&medium, &policy, std::slice::from_ref(&bad));
            *answers.entry(answer.word()).or_insert(0) += 1;
            if let Answer::No(findings) = answer {
                let told: Vec<_> = findings
                    .iter()
                    .take(3)
                    .map(|f| format!("{} {}: {}", f.kind.word(), f.item, f.detail))
                    .collect();
                let class: String = told[0].chars().filter(|c| !c.is_ascii_digit()).collect();
                let class = class.split(' ').filter(|word| !word.contains('/')).collect::<Vec<_>>().join(" ");
                let shown = format!("sector {sector}, {} findings: {}", findings.len(), told.join(" | "));
                wrong.entry(class).or_insert((0, shown)).0 += 1;
            }
        }
        eprintln!("{tool:?} {left}: {answers:?}");
        assert!(wrong.is_empty(), "{tool:?} {left}: {wrong:#?}");
        // The sectors were bad: not all is said to agree.
        assert!(answers.get("open").is_some_and(|count| *count > 5), "{tool:?} {left}: {answers:?}");
    }
}

#[test]
fn ext2() {
    sweep(Tool::Ext2);
}

#[test]
fn ext4() {
    sweep(Tool::Ext4);
}

#[test]
fn fat12() {
    sweep(Tool::Fat12);
}

#[test]
fn fat16() {
    sweep(Tool::Fat16);
}

#[test]
fn exfat() {
    sweep(Tool::Exfat);
}

#[test]
fn ntfs() {
    sweep(Tool::Ntfs);
}

#[test]
fn iso_9660_with_rock_ridge() {
    sweep(Tool::Iso);
}
