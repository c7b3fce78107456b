//! A block device that does not give some of its bytes: nbdkit behind FUSE behind a loop device.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// A loop device over an image of which some bytes are errors. Given back when it is dropped.
#[derive(Debug)]
pub struct Device {
    /// The device, such as `/dev/loop3`.
    pub path: PathBuf,
    mount: PathBuf,
    server: Child,
}

impl Drop for Device {
    fn drop(&mut self) {
        if self.path.as_os_str() != "" {
            let _ = Command::new("losetup").arg("--detach").arg(&self.path).status();
        }
        let _ = Command::new("fusermount3").arg("-u").arg(&self.mount).status();
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Whether a program is here. In CI it must be.
#[must_use]
pub fn is_here(program: &str) -> bool {
    let folders = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    let found = folders.split(':').any(|folder| Path::new(folder).join(program).exists());
    assert!(found || std::env::var_os("CI").is_none(), "`{program}` is absent in CI");
    if !found {
        println!("did not run: `{program}` is not here");
    }
    found
}

/// Puts `image` behind a loop device that fails on the ranges `bad`, by way of `folder`. `None` where this machine does not let us.
#[must_use]
pub fn device(folder: &Path, image: &Path, bad: &[Range<usize>]) -> Option<Device> {
    let mount = folder.join("mount");
    fs::create_dir_all(&mount).unwrap();
    let list: String = bad.iter().map(|range| format!("{} {}\n", range.start, range.end)).collect();
    fs::write(folder.join("bad"), list).unwrap();
    let size = format!("get_size=echo {}", fs::metadata(image).unwrap().len());
    let pread = format!(
        "pread=end=$(($3 + $4)); while read from to; do if [ $4 -lt $to ] && [ $end -gt $from ]; then \
         echo EIO bad sector >&2; exit 1; fi; done <{}; \
         dd if={} iflag=skip_bytes,count_bytes skip=$4 count=$3 bs=65536 status=none",
        folder.join("bad").display(),
        image.display()
    );
    let server = Command::new("nbdfuse")
        .arg(mount.join("disk"))
        .args(["--command", "nbdkit", "-s", "-r", "eval", &size, &pread])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut device = Device { path: PathBuf::new(), mount, server };
    let disk = device.mount.join("disk");
    for _ in 0..600 {
        if disk.exists() || device.server.try_wait().unwrap().is_some() {
            break;
        }
        sleep(Duration::from_millis(100));
    }
    if !disk.exists() {
        println!("did not run: FUSE is not allowed here");
        return None;
    }
    let made = Command::new("losetup")
        .args(["--read-only", "--direct-io=on", "--find", "--show"])
        .arg(&disk)
        .output()
        .unwrap();
    if !made.status.success() {
        println!("did not run: no loop device here: {}", String::from_utf8_lossy(&made.stderr));
        return None;
    }
    device.path = String::from_utf8(made.stdout).unwrap().trim().into();
    Some(device)
}
