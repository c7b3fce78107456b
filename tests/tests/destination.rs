//! Destinations: too small, full, FAT, read-only, on the medium itself. All of it on real file systems.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "all of this is test code: what fails here fails a test"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use custody::durable::{free_bytes, low_water};
use scenarios::reading::{acquisition, ledger};
use scenarios::story::Desk;

const CAPTURE: &str = "ambit capture {what} {both} --jobs 1 --part-size 5000 --progress off";

/// A file system of its own, until it is dropped.
struct Mounted(PathBuf);

impl Mounted {
    /// `None`, with a word, where none can be mounted.
    fn with(words: &[&str], at: &Path) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mounted = Command::new("mount").args(words).arg(at).output();
        if mounted.is_ok_and(|ran| ran.status.success()) {
            return Some(Self(at.to_owned()));
        }
        eprintln!("skipped: mount {words:?} is not possible here");
        None
    }

    fn memory(bytes: u64, at: &Path) -> Option<Self> {
        Self::with(&["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"], at)
    }

    /// An image of this size with a file system, mounted through a loop device.
    fn image(make: &[&str], bytes: u64, image: &Path, at: &Path) -> Option<Self> {
        fs::File::create(image).unwrap().set_len(bytes).unwrap();
        let made = Command::new(make[0]).args(&make[1..]).arg(image).output();
        if !made.is_ok_and(|ran| ran.status.success()) {
            eprintln!("skipped: {make:?} is not possible here");
            return None;
        }
        Self::with(&["-o", "loop", image.to_str().unwrap()], at)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Outcome and object of each item.
fn told(desk: &Desk, name: &str) -> BTreeMap<String, String> {
    let records = ledger(&desk.path(name), &desk.demo.path("keys/auditor.age"));
    let told = records.iter().map(|(locator, parts)| {
        let object = parts.object.as_ref().map(|object| (object.sha256, object.size));
        (locator.to_string(), format!("{:?} {object:?}", parts.decision.outcome))
    });
    told.collect()
}

#[test]
fn a_disk_is_left_before_it_is_full_and_the_run_goes_on_where_there_is_room() {
    let desk = Desk::with_case();
    desk.run(&format!("{CAPTURE} --out {{dir}}/whole")).exits(0);
    let needed = bytes_below(&desk.path("whole"));
    let Some(small) = Mounted::memory(64 << 20, &desk.path("small")) else { return };
    // Something else has filled it, but for half of what is needed.
    let reserve = low_water(&small.0);
    assert_eq!(reserve, 1 << 20);
    let filler = free_bytes(&small.0) - reserve - needed / 2;
    fs::write(small.0.join("filler"), vec![1; filler as usize]).unwrap();

    let full = desk.run(&format!("{CAPTURE} --out {{dir}}/small/P")).exits(1);
    let full = full.says("writing stops before fewer than 1048576 are");
    assert!(full.err.contains("and go on with: ambit capture") && full.err.contains("--resume"), "{full}");
    assert!(!small.0.join("P").exists());
    assert!(free_bytes(&small.0) > reserve / 2, "{} bytes are free", free_bytes(&small.0));
    // It is still as full as it was.
    desk.run(&format!("{CAPTURE} --out {{dir}}/small/P --resume"))
        .exits(1)
        .says("are left free by every capture");

    let Some(larger) = Mounted::memory(256 << 20, &desk.path("larger")) else { return };
    let signed = "--case {case} --sign-as examiner={keys}/examiner";
    desk.run(&format!("ambit package move {{dir}}/small/P {{dir}}/larger/P {signed}")).exits(0);
    assert!(!small.0.join("P.partial").exists() && larger.0.join("P.partial").exists());
    desk.run(&format!("{CAPTURE} --out {{dir}}/larger/P --resume")).exits(0);
    desk.run("ambit-verify {dir}/larger/P --trust {trust}").exits(0);
    let audit = "--trust {trust} --identity {keys}/auditor.age --against {medium}";
    let audited = desk.run(&format!("ambit-verify audit {{dir}}/larger/P {audit}")).exits(0);
    for verdict in ["INTACT", "FOLLOWED", "MATCHED"] {
        assert!(audited.out.contains(verdict), "{audited}");
    }
    assert_eq!(told(&desk, "whole"), told(&desk, "larger/P"));
    assert!(acquisition(&larger.0.join("P")).resumed.len() == 1);

    // A plan knows beforehand.
    desk.run("ambit plan --policy {policy} --medium {medium} --case {case} {examiner} --progress off")
        .exits(0);
    let events = fs::read_dir(desk.path("case/custody")).unwrap().count();
    let refused = desk.run(&format!("{CAPTURE} --out {{dir}}/Q --out {{dir}}/small/Q")).exits(1);
    refused.says("may be needed").says("--tight");
    desk.run(&format!("{CAPTURE} --out {{dir}}/small/Q --tight")).exits(1).says("writing stops before");
    fs::write(small.0.join("more"), vec![1; free_bytes(&small.0) as usize - (256 << 10)]).unwrap();
    desk.run(&format!("{CAPTURE} --out {{dir}}/small/R --tight"))
        .exits(1)
        .says("are left free by every capture");
    assert!(!desk.path("Q.partial").exists() && !desk.path("small/R.partial").exists());
    assert!(fs::read_dir(desk.path("case/custody")).unwrap().count() == events + 2, "a start and its note");
}

#[test]
fn the_smaller_of_two_copies_is_lost_when_it_is_full() {
    let desk = Desk::with_case();
    let Some(small) = Mounted::memory(192 << 10, &desk.path("small")) else { return };
    let capture = format!("{CAPTURE} --out {{dir}}/small/P --out {{dir}}/P");
    desk.run(&capture).exits(3).says("warning: copy 1 of 2");
    desk.run("ambit-verify {dir}/P --trust {trust}").exits(0);
    assert!(!small.0.join("P").exists());
}

#[test]
fn what_fat_cannot_take_is_said_before_anybody_signs() {
    let desk = Desk::with_case();
    let image = desk.path("fat.img");
    let Some(fat) = Mounted::image(&["mkfs.vfat", "-F", "32"], 80 << 20, &image, &desk.path("fat")) else {
        return;
    };
    let events = || fs::read_dir(desk.path("case/custody")).unwrap().count();
    let before = events();
    let large = CAPTURE.replace("--part-size 5000", "--part-size 3000000000");
    desk.run(&format!("{large} --out {{dir}}/fat/P")).exits(1).says("files of at most 4294967295 bytes");
    desk.run(&format!("{CAPTURE} --out {{dir}}/fat/P:1")).exits(1).says("takes such names");
    assert_eq!((events(), fs::read_dir(&fat.0).unwrap().count()), (before, 0));
    desk.run(&format!("{CAPTURE} --out {{dir}}/fat/P --out {{dir}}/P")).exits(0);
    for place in ["fat/P", "P"] {
        desk.run(&format!("ambit-verify {{dir}}/{place} --trust {{trust}}")).exits(0);
    }
}

#[test]
fn a_destination_on_the_medium_or_read_only_is_refused_before_anything_is_written() {
    let desk = Desk::with_case();
    let (medium, at) = (desk.path("medium.img"), desk.path("mounted"));
    let Some(mounted) = Mounted::image(&["mke2fs", "-q", "-t", "ext4"], 8 << 20, &medium, &at) else {
        return;
    };
    let device = Command::new("findmnt").args(["-n", "-o", "SOURCE"]).arg(&at).output().unwrap();
    let device = String::from_utf8(device.stdout).unwrap();
    for on in [device.trim(), at.to_str().unwrap()] {
        let here = CAPTURE.replace(
            "{what}",
            &format!("--policy {{policy}} --medium {on} --case {{case}} --trust {{trust}}"),
        );
        desk.run(&format!("{here} --out {{dir}}/mounted/P")).exits(1).says("lies on the medium");
    }
    assert!(!mounted.0.join("P.partial").exists());
    let again = Command::new("mount").args(["-o", "remount,ro"]).arg(&at).status().unwrap();
    assert!(again.success());
    desk.run(&format!("{CAPTURE} --out {{dir}}/mounted/P")).exits(1).says("can be written to");
    desk.run(&format!("{CAPTURE} --out {{dir}}/P --out {{dir}}/none/P")).exits(1).says("can be written to");
    assert!(!desk.path("P.partial").exists(), "what was tried out is removed");
}

#[test]
fn a_destination_in_the_case_folder_is_refused_and_one_disk_for_two_copies_is_told() {
    let desk = Desk::with_case();
    let events = || fs::read_dir(desk.path("case/custody")).unwrap().count();
    let before = events();
    for inside in ["case/P", "case/state/P"] {
        let ran = desk.run(&format!("{CAPTURE} --out {{dir}}/P --out {{dir}}/{inside}")).exits(1);
        ran.says(&format!("{inside} lies in the case folder"));
    }
    let ran = desk.run(&format!("{} --out {{dir}}/P", CAPTURE.replace("5000", "4095")));
    assert!(ran.exit != 0 && ran.err.contains("4096"), "{ran}");
    assert!(events() == before && !desk.path("P.partial").exists());
    let both = desk.run(&format!("{CAPTURE} --out {{dir}}/P --out {{dir}}/Q")).exits(0);
    both.says("both copies are on one disk");
    let Some(_other) = Mounted::memory(64 << 20, &desk.path("other")) else { return };
    let both = desk.run(&format!("{CAPTURE} --out {{dir}}/R --out {{dir}}/other/R")).exits(0);
    assert!(!both.err.contains("on one disk"), "{both}");
}

fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let size = |entry: fs::DirEntry| match entry.file_type().unwrap().is_dir() {
        true => bytes_below(&entry.path()),
        false => entry.metadata().unwrap().len().div_ceil(4096) * 4096,
    };
    entries.map(size).sum()
}
