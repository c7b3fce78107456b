//! A medium with archives on it, and an order under which they are opened.
//!
//! ```text
//! let Some(desk) = archives::desk("left   = \"facts\"") else { return };      no mtools here, and not in CI
//! desk.run("ambit capture --policy {dir}/policy --medium {dir}/fat.img ...")
//! ```

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::story::Desk;

/// Makes the archives in the tree given: the names say what they are.
const MAKE: &str = r#"
import gzip, io, os, sys, tarfile, zipfile
root = sys.argv[1]
os.makedirs(root + "/opt/panel"), os.makedirs(root + "/home/other/Maildir")

def zipped(members, method=zipfile.ZIP_DEFLATED):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as out:
        for name, content in members:
            out.writestr(name, content)
    return held.getvalue()

def put(path, content):
    with open(root + "/" + path, "wb") as out:
        out.write(content)

put("opt/panel/whole.zip", zipped([("gate.php", b"<?php // gate\n" * 999), ("inc/db.php", b"<?php // db\n")]))
put("opt/panel/mixed.zip", zipped([("panel.php", b"<?php // panel\n"), ("old/emails.txt", b"somebody@victim.example\n")]))
held = io.BytesIO()
with tarfile.open(fileobj=held, mode="w") as out:
    for name, content in [("notes.txt", b"a note\n"), ("a/b.zip", zipped([("deep.txt", b"three archives down\n")], zipfile.ZIP_STORED))]:
        info = tarfile.TarInfo(name)
        info.size, info.mtime = len(content), 1300000000
        out.addfile(info, io.BytesIO(content))
put("opt/panel/backup.tar.gz", gzip.compress(held.getvalue(), mtime=0))
locked = bytearray(zipped([("locked.txt", b"nobody reads this\n")]))
locked[6] |= 1
locked[locked.rindex(b"PK\1\2") + 8] |= 1
put("opt/panel/locked.zip", bytes(locked))
half = bytearray(zipped([("half.php", b"<?php // half\n"), ("old/emails.txt", b"someone@victim.example\n"), ("locked2.txt", b"nor this\n")]))
half[half.rindex(b"PK\3\4") + 6] |= 1
half[half.rindex(b"PK\1\2") + 8] |= 1
put("opt/panel/half.zip", bytes(half))
put("opt/panel/cut.zip", zipped([("cut.txt", b"cut off\n" * 50)])[:-30])
deep = zipped([("bottom.txt", b"too deep\n")])
for level in range(3):
    deep = zipped([(f"level{level}.zip", deep)], zipfile.ZIP_STORED)
put("opt/panel/deep.zip", deep)
put("opt/panel/odd.zip", zipped([("../../etc/passwd", b"up\n"), ("/abs", b"abs\n"), ("x!/y", b"mark\n")], zipfile.ZIP_STORED))
put("home/other/Maildir/box.zip", zipped([("a-private-letter.txt", b"dear somebody\n")]))
"#;

/// Runs another program; `false` where it is not here, which CI does not allow.
///
/// # Panics
///
/// Where it is here and fails.
#[must_use]
pub fn made_by(program: &str, words: &[&str]) -> bool {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    match Command::new(program).args(words).env("PATH", path).stdin(Stdio::null()).output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{program}: {said}");
            true
        }
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "`{program}` is absent in CI: {error}");
            println!("did not run: `{program}` is not here");
            false
        }
    }
}

fn medium(folder: &Path) -> Option<()> {
    let image = folder.join("fat.img");
    let place = image.to_str().unwrap();
    fs::write(&image, []).unwrap();
    fs::OpenOptions::new().write(true).open(&image).unwrap().set_len(10 << 20).unwrap();
    made_by("mkfs.vfat", &["-F", "16", "-s", "4", "-i", "1A2B3C4D", place]).then_some(())?;
    let tree = folder.join("tree");
    made_by("python3", &["-c", MAKE, tree.to_str().unwrap()]).then_some(())?;
    for top in ["opt", "home"] {
        made_by("mcopy", &["-i", place, "-s", tree.join(top).to_str().unwrap(), "::/"]).then_some(())?;
    }
    Some(())
}

/// A desk with that medium, and an order under which archives are opened, three in each other. `left` is that line of the policy.
#[must_use]
pub fn desk(left: &str) -> Option<Desk> {
    desk_with(left, "")
}

/// The same, with more at the end of the policy.
///
/// # Panics
///
/// Where the policy cannot be written.
#[must_use]
pub fn desk_with(left: &str, more: &str) -> Option<Desk> {
    let desk = Desk::with_open_case();
    let media = "media = [{ label = \"KC07\", fsuuid = \"1A2B-3C4D\" }]\ncontainers = { open = [\"zip\", \"gzip\", \"tar\"], max_depth = 3 }";
    desk.policy_with(&[("media ", media), ("left ", left)]);
    let policy = desk.path("policy/policy.toml");
    let text = fs::read_to_string(&policy).unwrap();
    fs::write(&policy, text + more).unwrap();
    medium(&desk.path(""))?;
    desk.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    Some(desk)
}
