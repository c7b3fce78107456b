//! Bad sectors under what has no item that could say so: lists of what was deleted and of what is free, and folders that were left
//! without a record. Against a better image nothing of that is a difference, and nothing of it is called MATCHED.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is test code: what fails here fails a test"
)]

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::Command;

use scenarios::failing::{device, is_here};
use scenarios::reading::acquisition;
use scenarios::story::{Desk, Ran};

const FSUUID: &str = "4b433037-2011-4316-8000-0000000000bb";
const BLOCK: usize = 1024;
const AUDIT: &str = "ambit-verify audit {dir}/out.ambit --trust {trust} --identity {keys}/auditor.age";

fn can_run() -> bool {
    ["mke2fs", "debugfs", "dumpe2fs", "nbdkit", "nbdfuse", "losetup", "fusermount3"].into_iter().all(is_here)
}

/// What debugfs says to one request.
fn debugfs(image: &Path, request: &str) -> String {
    let said = Command::new("debugfs").args(["-w", "-R", request]).arg(image).output().unwrap();
    assert!(said.status.success(), "{request}");
    String::from_utf8(said.stdout).unwrap()
}

/// A case whose approved policy has these lines, and an ext2 volume of this tree.
fn desk(lines: &[(&str, &str)], fill: impl FnOnce(&Path)) -> Desk {
    let desk = Desk::with_open_case();
    let target = format!("media = [{{ label = \"KC07\", fsuuid = \"{FSUUID}\" }}]");
    desk.policy_with(&[&[("media ", target.as_str())], lines].concat());
    desk.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    let (tree, image) = (desk.path("tree"), desk.path("disk.img"));
    fs::create_dir_all(&tree).unwrap();
    fill(&tree);
    let made = Command::new("mke2fs")
        .args(["-q", "-t", "ext2", "-b", "1024", "-g", "1024", "-N", "512", "-U", FSUUID, "-d"])
        .args([tree.as_os_str(), image.as_os_str(), "4M".as_ref()])
        .status();
    assert!(made.unwrap().success());
    desk
}

/// Captures the image with these ranges bad, and compares the record with the whole image.
fn against_better(desk: &Desk, bad: &[Range<usize>]) -> Option<Ran> {
    let device = device(&desk.path("device"), &desk.path("disk.img"), bad)?;
    let capture = format!(
        "ambit capture --policy {{dir}}/policy --medium {} --case {{case}} --trust {{trust}} {{both}} --out {{dir}}/out.ambit",
        device.path.display()
    );
    desk.run(&capture).exits(3);
    let same = desk.run(&format!("{AUDIT} --against {}", device.path.display())).exits(0);
    assert!(same.out.contains("MATCHED") && !same.out.contains("NOT MATCHED"), "{same}");
    drop(device);
    Some(desk.run(&format!("{AUDIT} --against {{dir}}/disk.img")))
}

/// Where the first block of each group that has `what` in dumpe2fs's list is: `Block bitmap at 259`.
fn at(image: &Path, what: &str) -> Vec<usize> {
    let said = Command::new("dumpe2fs").arg(image).output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    let behind = said.split(what).skip(1);
    let number =
        |rest: &str| rest.split(|c: char| !c.is_ascii_digit()).find(|word| !word.is_empty()).unwrap().parse();
    behind.map(|rest| number(rest).unwrap()).collect()
}

fn not_answered(ran: &Ran) -> String {
    let words = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        ran.exit == 1 && words.contains("MATCHED: not checked") && !words.contains("NOT MATCHED"),
        "{ran}"
    );
    words
}

#[test]
fn a_list_of_deleted_entries_or_of_free_space_that_was_not_all_read_leaves_matched_unanswered() {
    if !can_run() {
        return;
    }
    let desk = desk(
        &[("deleted", "deleted = \"hold:neutral\""), ("unallocated", "unallocated = \"hold:neutral\"")],
        |tree| {
            fs::create_dir_all(tree.join("opt/panel")).unwrap();
            for number in 0..20 {
                fs::write(tree.join(format!("opt/panel/{number}.php")), "<?php\n".repeat(300 + number))
                    .unwrap();
            }
        },
    );
    let image = desk.path("disk.img");
    (0..20).step_by(3).for_each(|number| _ = debugfs(&image, &format!("rm /opt/panel/{number}.php")));
    let sector = |block: &usize| block * BLOCK..block * BLOCK + 512;
    let bad: Vec<_> = [at(&image, "Block bitmap at "), at(&image, "Inode bitmap at ")]
        .iter()
        .map(|places| sector(&places[0]))
        .collect();
    let Some(ran) = against_better(&desk, &bad) else { return };
    let stated = acquisition(&desk.path("out.ambit")).walk[0].wanting;
    assert!(stated.deleted && stated.unallocated, "{stated:?}");
    let words = not_answered(&ran);
    assert!(words.contains("not all of the list that it belongs to could be read then"), "{ran}");
    // What stands in no list is missing all the same.
    fs::write(desk.path("more"), "<?php\n").unwrap();
    debugfs(&image, &format!("write {} /opt/panel/omitted.php", desk.path("more").display()));
    let ran = desk.run(&format!("{AUDIT} --against {{dir}}/disk.img")).exits(2);
    assert!(ran.out.contains("NOT MATCHED") && ran.out.contains("not in the ledger"), "{ran}");
}

#[test]
fn a_folder_that_was_left_without_a_record_and_could_not_be_read_leaves_matched_unanswered() {
    if !can_run() {
        return;
    }
    let counts = [("left   = ", "left   = \"counts\""), ("deleted", "deleted = \"never\"")];
    let desk = desk(&counts, |tree| {
        for (folder, count) in [("tmp", 60), ("home/anna", 60)] {
            fs::create_dir_all(tree.join(folder)).unwrap();
            for number in 0..count {
                let text = if number % 20 == 7 { "viagra vicodin valium\n" } else { "nothing\n" };
                fs::write(tree.join(folder).join(format!("a rather long name {number:03}.txt")), text)
                    .unwrap();
            }
        }
    });
    let image = desk.path("disk.img");
    let last = |path: &str| {
        let blocks = debugfs(&image, &format!("blocks {path}"));
        let last: usize = blocks.split_whitespace().last().unwrap().parse().unwrap();
        last * BLOCK..last * BLOCK + 512
    };
    let bad = [last("/tmp"), last("/home/anna")];
    let Some(ran) = against_better(&desk, &bad) else { return };
    let stated = acquisition(&desk.path("out.ambit")).walk[0].wanting;
    assert_eq!((stated.left, stated.deleted), (2, false));
    not_answered(&ran);
    // One kept item in each of three more folders: more than two folders that could not be read explain.
    for folder in ["var", "dev", "var/tmp", "dev/shm", "tmp/other", "tmp/another", "tmp/third"] {
        debugfs(&image, &format!("mkdir /{folder}"));
    }
    fs::write(desk.path("more"), "viagra vicodin valium\n").unwrap();
    for folder in ["var/tmp", "dev/shm", "tmp"] {
        debugfs(&image, &format!("write {} /{folder}/omitted.txt", desk.path("more").display()));
    }
    let ran = desk.run(&format!("{AUDIT} --against {{dir}}/disk.img")).exits(2);
    assert!(ran.out.contains("NOT MATCHED") && ran.out.contains("not in the ledger"), "{ran}");
}
