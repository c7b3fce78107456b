//! A medium that goes away while it is captured, and processes that are killed: nothing is lost, and nothing false is recorded.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The case of `ambit demo`, with its medium and a package that nobody disturbed.
struct Demo {
    folder: tempfile::TempDir,
}

impl Demo {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let demo = folder.path().join("demo");
        assert!(ambit().arg("demo").arg("--dir").arg(demo).output().unwrap().status.success());
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("demo").join(name)
    }

    /// A capture to `p.ambit` in small batches, slowed down unless it is resumed.
    fn capture(&self, medium: &Path, resume: bool) -> Command {
        let mut command = ambit();
        command.arg("capture").arg("--policy").arg(self.path("policy")).arg("--medium").arg(medium);
        command.arg("--case").arg(self.path("case")).arg("--trust").arg(self.path("trust.toml"));
        for name in ["examiner", "witness"] {
            command.arg("--sign-as").arg(format!("{name}={}", self.path("keys").join(name).display()));
        }
        command.arg("--out").arg(self.path("p.ambit"));
        command.args(["--yes", "--jobs", "1", "--part-size", "4096", "--progress", "off"]);
        if resume {
            command.arg("--resume");
        } else {
            command.args(["--throttle", "700000"]);
        }
        command
    }

    /// Starts a capture, and returns once some batches are committed.
    fn begin(&self, medium: &Path) -> Child {
        let capture = self.capture(medium, false).spawn().unwrap();
        let journal = self.path("p.ambit.partial/.work/journal.jsonl");
        let began = Instant::now();
        while fs::read_to_string(&journal).map_or(0, |text| text.lines().count()) < 5 {
            assert!(began.elapsed() < Duration::from_secs(120), "nothing was committed");
            sleep(Duration::from_millis(20));
        }
        capture
    }

    /// The medium's bytes in a file, more than a cache reads ahead.
    fn raw(&self) -> PathBuf {
        let opened = source::open(&self.path("KC07.E01"), &source::OpenOptions::default()).unwrap();
        let image = opened.image.unwrap();
        let mut bytes = vec![0; usize::try_from(image.len()).unwrap()];
        image.read_exact_at(0, &mut bytes).unwrap();
        let raw = self.path("KC07.raw");
        fs::write(&raw, bytes).unwrap();
        raw
    }

    /// What is in a package for the case's team: all but the objects' numbers.
    fn items(&self, package: &str) -> BTreeSet<String> {
        let out = self.folder.path().join(format!("opened-{package}"));
        let mut open = ambit();
        open.arg("open").arg(self.path(package)).arg("--trust").arg(self.path("trust.toml"));
        open.arg("--identity").arg(self.path("keys/case-team.age")).args(["--set", "captured", "--out"]);
        said(&open.arg(&out).args(["--progress", "off"]).output().unwrap(), 0);
        let items = fs::read_to_string(out.join("items.tsv")).unwrap();
        let rows: BTreeSet<String> =
            items.lines().filter_map(|line| Some(line.split_once('\t')?.1.to_owned())).collect();
        assert!(rows.len() > 50, "{items}");
        rows
    }
}

fn ambit() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ambit"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What a command said, on both streams.
fn said(ran: &Output, exit: i32) -> String {
    let text = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(exit), "{text}");
    text
}

/// An image as a file that another program serves, so that it can go away or have bad sectors.
struct Served {
    folder: PathBuf,
    file: PathBuf,
    server: Child,
}

impl Served {
    /// `None`, with a word, where this machine does not let us. What is in `bad` cannot be read.
    fn new(folder: &Path, image: &Path, bad: Option<(u64, u64)>) -> Option<Self> {
        for program in ["nbdkit", "nbdfuse", "fusermount3"] {
            let found = Command::new(program).arg("--version").output().is_ok();
            assert!(found || std::env::var_os("CI").is_none(), "`{program}` is absent in CI");
            if !found {
                eprintln!("NOT RUN: `{program}` is not installed");
                return None;
            }
        }
        fs::create_dir_all(folder).unwrap();
        let file = folder.join("KC07.raw");
        let size = fs::metadata(image).unwrap().len();
        let mut serve = Command::new("nbdfuse");
        serve.arg(&file).args(["--command", "nbdkit", "-s", "-r"]);
        if let Some((from, to)) = bad {
            let map = folder.with_extension("map");
            let lines = format!(
                "# Mapfile\n0x0 ?\n0x0 {from:#x} +\n{from:#x} {:#x} -\n{to:#x} {:#x} +\n",
                to - from,
                size - to
            );
            fs::write(&map, lines).unwrap();
            serve.arg("--filter=ddrescue").arg("file").arg(image);
            serve.arg(format!("ddrescue-mapfile={}", map.display()));
        } else {
            serve.arg("file").arg(image);
        }
        let server = serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut served = Self { folder: folder.to_owned(), file, server };
        for _ in 0..600 {
            if fs::metadata(&served.file).is_ok_and(|file| file.len() == size) {
                return Some(served);
            }
            if served.server.try_wait().unwrap().is_some() {
                break;
            }
            sleep(Duration::from_millis(50));
        }
        eprintln!("NOT RUN: FUSE is not allowed here");
        None
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ =
            Command::new("fusermount3").args(["-u", "-z"]).arg(&self.folder).stderr(Stdio::null()).status();
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The run stopped in order, and goes on once the medium is back, with the same items as if nothing had happened.
fn stops_and_goes_on(demo: &Demo, broken: Child, medium: &Path, back: impl FnOnce()) {
    let text = said(&broken.wait_with_output().unwrap(), 1);
    assert!(text.contains("the medium is gone: ") && text.contains("--resume"), "{text}");
    assert!(!text.contains("WARNING"), "{text}");
    back();
    let text = said(&demo.capture(medium, true).output().unwrap(), 0);
    assert!(text.contains("resumed after"), "{text}");
    assert_eq!(demo.items("p.ambit"), demo.items("KC07.ambit"));
}

#[test]
fn of_an_image_that_is_cut_off_what_was_read_before_is_kept_and_the_capture_goes_on_with_it_whole() {
    let demo = Demo::new();
    let (image, whole) = (demo.path("KC07.E01"), demo.path("whole"));
    fs::rename(&image, &whole).unwrap();
    fs::copy(&whole, &image).unwrap();
    fs::set_permissions(&image, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let broken = demo.begin(&image);
    fs::File::options().write(true).open(&image).unwrap().set_len(0).unwrap();
    stops_and_goes_on(&demo, broken, &image, || {
        fs::copy(&whole, &image).unwrap();
    });
}

#[test]
fn a_medium_that_is_pulled_out_ends_the_capture_in_order() {
    let demo = Demo::new();
    let (folder, raw) = (demo.path("served"), demo.raw());
    let Some(mut served) = Served::new(&folder, &raw, None) else { return };
    let broken = demo.begin(&served.file);
    // What the system has read ahead it would give for a while.
    let forget = Command::new("dd")
        .arg(format!("if={}", served.file.display()))
        .args(["iflag=nocache", "count=0"])
        .output();
    assert!(forget.unwrap().status.success());
    served.server.kill().unwrap();
    let file = served.file.clone();
    let mut again = None;
    stops_and_goes_on(&demo, broken, &file, || {
        drop(served);
        again = Served::new(&folder, &raw, None);
    });
    drop(again);
}

#[test]
fn a_bad_place_is_not_taken_for_a_medium_that_is_gone() {
    let demo = Demo::new();
    let raw = demo.raw();
    // In a file that is captured: 4,096 bytes of it with few zeros, where they lie on the medium.
    let bytes = fs::read(&raw).unwrap();
    let objects = fs::read_dir(demo.path("opened/objects")).unwrap().flatten();
    let contents = objects.map(|object| fs::read(object.path()).unwrap());
    let mut places = contents.filter_map(|content| {
        let is_dense = |chunk: &&[u8]| chunk.iter().filter(|byte| **byte == 0).count() < 100;
        let wanted = content.chunks_exact(4096).find(is_dense)?;
        (0..bytes.len()).step_by(512).find(|at| bytes.get(*at..at + 4096) == Some(wanted))
    });
    let at = places.next().unwrap() as u64;
    let Some(served) = Served::new(&demo.path("served"), &raw, Some((at, at + 4096))) else { return };
    let text = said(&demo.capture(&served.file, false).output().unwrap(), 3);
    assert!(text.contains("WARNING: some content of ") && !text.contains("is gone"), "{text}");
}

#[test]
fn what_killed_processes_were_reading_is_read_on_by_others() {
    let demo = Demo::new();
    let mut capture = demo.capture(&demo.path("KC07.E01"), false).spawn().unwrap();
    // Where no batch is committed for a second, a file of some megabytes is being read, slowly: it is one of the first.
    let journal =
        || fs::metadata(demo.path("p.ambit.partial/.work/journal.jsonl")).map_or(0, |file| file.len());
    let (mut before, mut since) = (0, Instant::now());
    while before == 0 || since.elapsed() < Duration::from_secs(1) {
        sleep(Duration::from_millis(20));
        if journal() != before {
            (before, since) = (journal(), Instant::now());
        }
        assert!(capture.try_wait().unwrap().is_none(), "it ended before any process could be killed");
    }
    let mut killed = 0;
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let stat = fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)?.parse().ok());
        if parent == Some(capture.id()) {
            let ended = Command::new("kill").arg("-9").arg(process.file_name()).status();
            killed += i32::from(ended.unwrap().success());
        }
    }
    assert!(killed > 0);
    said(&capture.wait_with_output().unwrap(), 0);
    assert_eq!(demo.items("p.ambit"), demo.items("KC07.ambit"));
}
