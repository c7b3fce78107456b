//! A small package from the first item to the seal, looked at with independent tools.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of a test may fail it")]

mod made;
#[path = "made/world.rs"]
mod world;

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use custody::durable::Op;
use custody::{Content, Disk, Item, Kept, Missing, Options, PackageError, Signer, Trouble, identities, seal};
use evidence::acquisition::{Acquisition, SetName};
use evidence::gzip::GzipReader;
use evidence::inventory::Inventory;
use evidence::item::ReadState;
use evidence::ledger::LedgerReader;
use evidence::manifest::{Binding, Manifest, Row};
use evidence::strict;
use made::{facts, statement};
use scope::facts::{Kind, Look};
use scope::{Decision, Digest, Outcome, Tier};
use world::{Single, World, policy_files};

/// Stands in every name and every content here, and must stand nowhere on the disk.
const SECRET: &str = "rosebud";
fn decision(outcome: &str, names: usize) -> Decision {
    let outcome: Outcome = outcome.parse().unwrap();
    let (tier, rules) = match outcome {
        Outcome::Captured => (Tier::Included, vec!["I-1".to_owned()]),
        Outcome::Held(_) => (Tier::Held, vec!["H-1".to_owned()]),
        Outcome::Listed => (Tier::Withheld, vec!["W-1".to_owned()]),
        Outcome::ListedTo(_) => (Tier::WithheldAndHeld, vec!["W-1".to_owned()]),
        Outcome::Left => (Tier::OutOfScope, Vec::new()),
    };
    Decision { outcome, tier, rules, looks: vec![Look::Metadata], trits: vec!["TF".to_owned(); names.max(1)] }
}

/// Gives `good` bytes of the content, then an error or the end.
struct Faulty<'a> {
    content: &'a [u8],
    error: bool,
}

impl Read for Faulty<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match (self.content.read(buffer)?, self.error) {
            (0, true) => Err(io::Error::other("bad sector")),
            (count, _) => Ok(count),
        }
    }
}

fn keep(
    writer: &mut Single,
    node: usize,
    outcome: &str,
    content: &[u8],
    length: u64,
    error: bool,
) -> Result<Kept, PackageError> {
    let names = [format!("/{SECRET}/{node}"), format!("/zz/{SECRET}{node}")];
    let facts = facts(node, Kind::File, &names, Some(length));
    let item = Item {
        locator: &format!("tree/dev:8:1/inode:{node}"),
        facts: &facts,
        decision: &decision(outcome, 2),
        visible: &[0],
    };
    let mut bytes = Faulty { content, error };
    let content = Content { length, bytes: &mut bytes, missing: &Missing::default, stopped: &|| false };
    writer.keep(&item, Some(content))
}

fn record(writer: &mut Single, node: usize, outcome: &str) -> Result<(), PackageError> {
    let names = [format!("/{SECRET}/{node}")];
    let facts = facts(node, Kind::File, &names, Some(1));
    let item = Item {
        locator: &format!("tree/dev:8:1/inode:{node}"),
        facts: &facts,
        decision: &decision(outcome, 1),
        visible: &[0],
    };
    writer.record(&item)
}

/// Ten items, one of each kind of trouble, in three batches.
fn fill(writer: &mut Single) -> Result<Vec<Kept>, PackageError> {
    let text = SECRET.repeat(30_000);
    let length = text.len() as u64;
    let mut kept = vec![
        keep(writer, 1, "captured", text.as_bytes(), length, false)?,
        keep(writer, 2, "held:filter", text.as_bytes(), length, false)?,
    ];
    record(writer, 3, "left")?;
    record(writer, 4, "listed")?;
    record(writer, 5, "listed:filter")?;
    kept.push(keep(writer, 6, "captured", b"rosebud rosebud", 100, true)?);
    kept.push(keep(writer, 7, "captured", b"rosebud", 10, false)?);
    kept.push(keep(writer, 8, "captured", b"rosebud-and-more", 7, false)?);
    record(writer, 9, "left")?;
    let directory = facts(10, Kind::Directory, &[format!("/{SECRET}")], None);
    let item =
        Item { locator: "tree/d", facts: &directory, decision: &decision("captured", 1), visible: &[0] };
    kept.push(writer.keep(&item, None)?);
    Ok(kept)
}

fn open(out: &Path, file: &str, identity: &age::x25519::Identity) -> Vec<u8> {
    let decryptor = age::Decryptor::new(std::fs::File::open(out.join(file)).unwrap()).unwrap();
    let mut bytes = Vec::new();
    let identity: &dyn age::Identity = identity;
    decryptor.decrypt(std::iter::once(identity)).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

fn unzip(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = zip::ZipArchive::new(io::Cursor::new(bytes)).unwrap();
    let mut entries = BTreeMap::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        assert!(entries.insert(entry.name().unwrap().into_owned(), content).is_none());
    }
    entries
}

fn files_below(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found
}

fn holds(bytes: &[u8], needle: &str) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[test]
fn every_item_is_in_ledger_inventory_and_the_parts_of_its_readers() {
    let mut world = World::new();
    let mut writer = world.writer(&Disk::new()).unwrap();
    let kept = fill(&mut writer).unwrap();

    let object = |n: usize| kept[n].object.clone().unwrap();
    assert_eq!(object(0).read, ReadState::Complete);
    assert_eq!((object(2).read, object(2).unreadable), (ReadState::Partial, vec![(15, 100)]));
    assert!(matches!(kept[2].trouble, Some(Trouble::Read(_))));
    assert_eq!(object(3).unreadable, [(7, 10)]);
    assert!(matches!(kept[3].trouble, Some(Trouble::Ended)));
    assert!(kept[4].longer && kept[4].trouble.is_none() && object(4).size == 7);
    assert!(object(4).trouble.unwrap().starts_with("content goes on after its stated 7"));
    assert!(kept[5].object.is_none());

    // Nothing of the medium is on any disk in clear, while the package is being written.
    for file in files_below(&world.root) {
        assert!(!holds(&std::fs::read(&file).unwrap(), SECRET), "{}", file.display());
        assert!(!file.to_string_lossy().contains(SECRET), "{}", file.display());
    }

    let closed = writer.close().unwrap();
    let stated = world.state(closed).unwrap();
    let end = stated.end();
    assert_eq!((end.items, end.captured, end.held, end.listed, end.left), (10, 5, 1, 2, 2));
    assert_eq!(end.unreadable, 2);
    let unsealed = stated.finish(&policy_files()).unwrap();
    let (log_key, _) = world.case.log_key(&mut |_| None).unwrap();
    let tagmanifest = unsealed.tagmanifest();
    unsealed.seal(&mut world.case, statement(), &[&world.examiner, &world.witness], &log_key).unwrap();
    for file in files_below(&world.root) {
        assert!(!holds(&std::fs::read(&file).unwrap(), SECRET), "{}", file.display());
    }
    assert!(!world.root.join("KC07.ambit.partial").exists());
    assert_eq!(std::fs::read_dir(world.case.state()).unwrap().count(), 0, "the resume key is gone");
    assert!(!world.out.join(".work").exists());

    let out = &world.out;
    let read = |name: &str| std::fs::read(out.join(name)).unwrap();
    assert_eq!(Digest::of(&read("tagmanifest-sha256.txt")), tagmanifest);
    let acquisition: Acquisition = strict::from_json(&read("meta/acquisition.json")).unwrap();
    let inventory = Inventory::read(read("meta/inventory.txt").as_slice()).unwrap();
    assert_eq!((inventory.root(), inventory.len()), (acquisition.inventory.root, 10));
    assert_eq!(*inventory.counts(), acquisition.inventory.counts);
    let mut lines: Vec<String> = Vec::new();
    let binding = Binding::of(&acquisition, 1);

    // The ledger: one record per item, signed, and its line is in the inventory.
    let set = |name: SetName| acquisition.sets.iter().find(|set| set.set == name).unwrap();
    for part in &set(SetName::Ledger).parts {
        let bytes = open(out, &part.file, &world.auditor);
        let mut reader = LedgerReader::new(GzipReader::new(bytes.as_slice(), 1 << 30)).unwrap();
        let key = reader.header().k.clone();
        while let Some(record) = reader.next_record().unwrap() {
            record.parts().unwrap();
            lines.push(evidence::commit::line(&key, &record).unwrap().to_string());
        }
        reader.finish(&binding, part.number).unwrap();
    }
    lines.sort();
    assert_eq!(lines.join("\n") + "\n", String::from_utf8(read("meta/inventory.txt")).unwrap());

    // The parts: manifests signed, objects as recorded, openings in the inventory.
    let (mut objects, mut rows, mut opened) = (0, BTreeMap::<&str, usize>::new(), Vec::new());
    for (name, identity) in
        [(SetName::Captured, &world.team), (SetName::Held("filter".to_owned()), &world.filter)]
    {
        let statement = set(name.clone());
        for part in &statement.parts {
            let plain = open(out, &part.file, identity);
            let entries = unzip(&plain);
            let mut strict = evidence::zip_strict::ZipReader::new(plain.as_slice());
            while strict.next_entry().unwrap().is_some() {}
            if name != SetName::Captured {
                assert_eq!(plain.len() as u64, custody::size_class::padme(plain.len() as u64));
                assert!(entries.contains_key("padding"));
            }
            let (manifest, signature) = (&entries["manifest.jsonl"], &entries["manifest.jsonl.sig"]);
            let manifest = Manifest::open(manifest, signature, &acquisition.run_key).unwrap();
            manifest.header().binding().must_equal(&binding).unwrap();
            assert_eq!(manifest.header().recipients, statement.recipients);
            for row in manifest.rows() {
                let (kind, shown) = match row.unwrap() {
                    Row::Held(_) => ("held", None),
                    Row::Listed(opened) => ("listed", Some(opened)),
                    Row::Object(opened) => ("object", Some(opened)),
                };
                *rows.entry(kind).or_default() += 1;
                let Some(shown) = shown else { continue };
                opened.push(shown.opening.line().unwrap().to_string());
                let hidden = shown.opening.facts().unwrap().iter().filter(|fact| fact.is_none()).count();
                let two_names = kind == "object" && name == SetName::Captured;
                assert!(hidden <= usize::from(two_names), "the case team sees visible names alone");
                if let Some(object) = shown.opening.object().unwrap() {
                    let content = &entries[&format!("objects/{}", shown.control)];
                    assert_eq!(Digest::of(content), object.sha256);
                    assert_eq!(content.len() as u64, object.size);
                    objects += 1;
                }
            }
            let path = world.root.join(part.file.replace('/', "-"));
            std::fs::write(&path, &plain).unwrap();
            for (program, args) in [("unzip", ["-tqq"].as_slice()), ("python3", &["-m", "zipfile", "-t"])] {
                match Command::new(program).args(args).arg(&path).output() {
                    Err(_) => eprintln!("skipped: no {program} here"),
                    Ok(output) => assert!(output.status.success(), "{program}: {output:?}"),
                }
            }
        }
    }
    assert_eq!(objects, 5);
    assert_eq!(rows, BTreeMap::from([("held", 1), ("listed", 2), ("object", 6)]));
    opened.sort();
    opened.dedup();
    assert_eq!(opened.len(), 8);
    assert!(opened.iter().all(|line| lines.binary_search(line).is_ok()));
}

#[test]
fn independent_tools_check_the_sealed_package() {
    let mut world = World::new();
    let mut writer = world.writer(&Disk::new()).unwrap();
    fill(&mut writer).unwrap();
    let unsealed = world.finish(writer.close().unwrap());
    let (log_key, _) = world.case.log_key(&mut |_| None).unwrap();
    unsealed.seal(&mut world.case, statement(), &[&world.examiner, &world.witness], &log_key).unwrap();
    let run = |program: &str, args: &[&str], stdin: Option<&str>| {
        let mut command = Command::new(program);
        command.args(args).current_dir(&world.out);
        if let Some(stdin) = stdin {
            command.stdin(std::fs::File::open(world.out.join(stdin)).unwrap());
        }
        match command.output() {
            Err(_) => eprintln!("skipped: no {program} here"),
            Ok(output) => assert!(output.status.success(), "{program} {args:?}: {output:?}"),
        }
    };
    for manifest in ["tagmanifest-sha256.txt", "manifest-sha256.txt"] {
        run("sha256sum", &["-c", "--strict", "--quiet", manifest], None);
    }
    let signers = world.root.join("allowed_signers");
    let line = |signer: &Signer| format!("{} {}\n", signer.principal(), signer.key.public_line());
    std::fs::write(&signers, line(&world.examiner) + &line(&world.witness)).unwrap();
    let signers = signers.to_str().unwrap();
    let last = evidence::custody_log::folder(world.case.log().size() - 1);
    for (namespace, signature, message) in [
        ("ambit/package-seal/v1", "seal/tagmanifest-sha256.txt.{}.sig", "tagmanifest-sha256.txt".to_owned()),
        ("ambit/custody-event/v1", &format!("{last}/{{}}.sig"), format!("{last}/event.json")),
    ] {
        for who in ["examiner", "witness"] {
            let signature = signature.replace("{}", who);
            let args = ["-Y", "verify", "-f", signers, "-I", who, "-n", namespace, "-s", &signature];
            run("ssh-keygen", &args, Some(&message));
        }
    }
    assert!(world.out.join(last).join("checkpoint").exists());
    let key = world.root.join("team.key");
    let created = chrono::DateTime::parse_from_rfc3339("2026-11-23T09:00:00+01:00").unwrap();
    identities::save(&Disk::new(), &key, &world.team, created, None).unwrap();
    run("age", &["-d", "-i", key.to_str().unwrap(), "-o", "/dev/null", "data/captured-0001.zip.age"], None);
}

#[test]
fn a_witness_who_signs_later_concludes_the_seal_and_both_logs_are_one() {
    let mut world = World::new();
    let mut writer = world.writer(&Disk::new()).unwrap();
    fill(&mut writer).unwrap();
    let unsealed = world.finish(writer.close().unwrap());
    let disk = Disk::new();
    let (log_key, _) = world.case.log_key(&mut |_| None).unwrap();
    unsealed.leave_open(&world.case, &[&world.examiner], &log_key).unwrap();
    let present = seal::signature_files(&disk, &world.out).unwrap();
    assert_eq!(present.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["examiner"]);

    assert!(seal::add_signature(&disk, &world.out, &world.witness).unwrap());
    assert!(!seal::add_signature(&disk, &world.out, &world.witness).unwrap(), "nobody signs twice");
    let path = seal::signature_path(&world.out, "witness");
    let whole = std::fs::read(&path).unwrap();
    // What a break leaves of it is made whole; what is another's stays.
    for (left, mended) in [(&whole[..0], true), (&whole[..70], true), (&[0; 40], true), (b"SSH", false)] {
        std::fs::write(&path, left).unwrap();
        assert_eq!(seal::add_signature(&disk, &world.out, &world.witness).is_ok(), mended, "{left:?}");
    }
    std::fs::write(&path, &whole).unwrap();
    seal::conclude(&disk, &world.out, &mut world.case, statement(), &[&world.witness], &log_key).unwrap();
    // A second one is refused where it is made: whoever reads the log would refuse the log.
    let tree = world.case.tree();
    let again = seal::conclude(&disk, &world.out, &mut world.case, statement(), &[&world.witness], &log_key);
    assert!(again.unwrap_err().to_string().contains("is sealed already"));
    assert_eq!(world.case.tree(), tree);
    let files = |root: &Path| -> BTreeMap<PathBuf, Vec<u8>> {
        let custody = root.join("custody");
        let read =
            |path: PathBuf| (path.strip_prefix(&custody).unwrap().to_owned(), std::fs::read(&path).unwrap());
        files_below(&custody).into_iter().map(read).collect()
    };
    assert_eq!(files(&world.out), files(world.case.root()));
}

#[test]
fn logs_that_went_on_apart_are_told_from_one_that_is_behind() {
    let mut world = World::new();
    let mut writer = world.writer(&Disk::new()).unwrap();
    fill(&mut writer).unwrap();
    let unsealed = world.finish(writer.close().unwrap());
    let disk = Disk::new();
    let (log_key, _) = world.case.log_key(&mut |_| None).unwrap();
    unsealed.leave_open(&world.case, &[&world.examiner], &log_key).unwrap();
    let mut own = custody::LogFolder::open(&disk, &world.out, "example.org/KC07").unwrap();
    own.append(statement(), &[&world.witness]).unwrap();
    own.copy_to(world.case.log_mut()).unwrap();
    assert_eq!(own.tree(), world.case.tree());
    // From here on they part: each appends its own, and neither is sealed under the other.
    own.append(statement(), &[&world.witness]).unwrap();
    world.case.append(statement(), &[&world.examiner]).unwrap();
    let fork = own.copy_to(world.case.log_mut()).unwrap_err();
    assert!(matches!(fork, custody::LogError::Fork { index: 4, .. }), "{fork}");
    seal::add_signature(&disk, &world.out, &world.witness).unwrap();
    let (case, by) = (&mut world.case, [&world.witness]);
    let parted = seal::conclude(&disk, &world.out, case, statement(), &by, &log_key).unwrap_err();
    assert!(parted.to_string().contains("the custody logs part at event 4"), "{parted}");
}

#[test]
fn whoever_asks_to_stop_in_a_large_file_does_not_wait_for_its_end() {
    for (given, until) in [(0, 1), (1 << 20, 3)] {
        let world = World::new();
        let mut writer = world.writer(&Disk::new()).unwrap();
        keep(&mut writer, 1, "captured", b"rosebud", 7, false).unwrap();
        let length = 1 << 50;
        let facts = facts(2, Kind::File, &["/l".to_owned()], Some(length));
        let decision = decision("captured", 1);
        let item = Item { locator: "tree/2", facts: &facts, decision: &decision, visible: &[0] };
        let asked = AtomicUsize::new(0);
        let stopped = || asked.fetch_add(1, Ordering::Relaxed) >= until;
        let mut bytes = io::repeat(1).take(given);
        let content = Content { length, bytes: &mut bytes, missing: &Missing::default, stopped: &stopped };
        let kept = writer.keep(&item, Some(content));
        assert!(matches!(kept, Err(PackageError::Stopped)), "{kept:?}");
        writer.writer.discard_batch().unwrap();
        assert!(files_below(&custody::package::partial_path(&world.out).join("data")).is_empty());
    }
}

#[test]
fn nothing_is_overwritten() {
    let world = World::new();
    std::fs::create_dir(&world.out).unwrap();
    assert!(world.writer(&Disk::new()).is_err());
    std::fs::remove_dir(&world.out).unwrap();
    world.writer(&Disk::new()).unwrap();
    let again = world.writer(&Disk::new()).err().unwrap();
    assert!(again.to_string().contains("KC07.ambit.partial"), "{again}");
}

/// For every n: the n-th write, sync, rename... fails. No package may then stand under its name.
#[test]
fn an_error_at_any_moment_leaves_no_package_that_looks_whole() {
    let count = Arc::new(AtomicUsize::new(0));
    let total = {
        let mut world = World::new();
        let seen = Arc::clone(&count);
        let disk = Disk::with_hook(Arc::new(move |_, _: &Path| {
            seen.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }));
        run_until_error(&mut world, &disk).unwrap();
        count.load(Ordering::Relaxed)
    };
    assert!(total > 100, "{total}");
    for n in (0..total).step_by(5).chain(total.saturating_sub(12)..total) {
        let mut world = World::new();
        let out = world.out.clone();
        let left = AtomicUsize::new(n);
        let renamed = Arc::new(AtomicUsize::new(0));
        let refused = Arc::new(AtomicUsize::new(0));
        let refusals = Arc::clone(&refused);
        let (renames, place) = (Arc::clone(&renamed), out.clone());
        let disk = Disk::with_hook(Arc::new(move |op, path: &Path| {
            if left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
                renames.fetch_add(usize::from(op == Op::Rename && path == place), Ordering::Relaxed);
                return Ok(());
            }
            refusals.fetch_add(1, Ordering::Relaxed);
            Err(io::ErrorKind::StorageFull.into())
        }));
        let Err(error) = run_until_error(&mut world, &disk) else {
            // age headers differ in length from run to run, and so does the number of writes.
            assert_eq!(refused.load(Ordering::Relaxed), 0, "operation {n}: an error was swallowed");
            continue;
        };
        // The last is an error in the middle of a read.
        let said = ["no space left", "exists already", "no storage space"];
        assert!(said.iter().any(|words| error.contains(words)), "{n}: {error}");
        assert_eq!(out.exists(), renamed.load(Ordering::Relaxed) == 1, "operation {n}: {error}");
    }
}

fn run_until_error(world: &mut World, disk: &Disk) -> Result<(), String> {
    let text = |error: &dyn std::error::Error| error.to_string();
    let mut writer = world.writer(disk).map_err(|e| text(&e))?;
    if let Err(error) = fill(&mut writer) {
        // The first error is kept: whatever follows names it.
        let first = error.to_string();
        let later = writer.close().err().expect("a broken package was closed").to_string();
        assert!(later.contains(&first), "{later} does not name {first}");
        return Err(first);
    }
    let closed = writer.close().map_err(|e| text(&e))?;
    let stated = world.state(closed).map_err(|e| text(&e))?;
    let unsealed = stated.finish(&policy_files()).map_err(|e| text(&e))?;
    let (log_key, _) = world.case.log_key(&mut |_| None).unwrap();
    let signers = [&world.examiner, &world.witness];
    let sealed = unsealed.seal(&mut world.case, statement(), &signers, &log_key);
    sealed.map_err(|e| text(&e))
}

#[test]
fn rows_that_are_too_long_for_memory_are_closed_with_their_part_before_the_batch_ends() {
    let mut world = World::new();
    let options = Options { rows: 8_192, ..Options::default() };
    let mut writer = world.writer_with(&Disk::new(), options).unwrap();
    // The last are held, so that no captured part is open when the batch ends.
    // Of one batch, as the members of an archive are: nobody asks between them whether there is room.
    for node in 1..=80 {
        let outcome = if node % 3 == 0 || node > 60 { "held:filter" } else { "captured" };
        let name = format!("/{SECRET}/{}{node}", "n".repeat(500));
        let facts = facts(node, Kind::File, &[name], Some(4));
        let locator = format!("tree/dev:8:1/inode:{node}");
        let item = Item { locator: &locator, facts: &facts, decision: &decision(outcome, 1), visible: &[0] };
        let mut bytes: &[u8] = b"four";
        let content =
            Content { length: 4, bytes: &mut bytes, missing: &Missing::default, stopped: &|| false };
        writer.writer.walked(&locator, &facts);
        writer.writer.keep(&mut writer.hand, &item, Some(content)).unwrap();
    }
    let closed = writer.close().unwrap();
    let unsealed = world.finish(closed);
    let (log_key, _) = world.case.log_key(&mut |_| None).unwrap();
    unsealed.seal(&mut world.case, statement(), &[&world.examiner, &world.witness], &log_key).unwrap();

    let acquisition = std::fs::read(world.out.join("meta/acquisition.json")).unwrap();
    let acquisition: Acquisition = strict::from_json(&acquisition).unwrap();
    let mut seen = BTreeMap::new();
    for set in acquisition.sets.iter().filter(|set| set.set != SetName::Ledger) {
        let identity = if set.set == SetName::Captured { &world.team } else { &world.filter };
        assert!(set.parts.len() > 3, "{}: {} parts", set.set, set.parts.len());
        for part in &set.parts {
            assert_eq!(part.batch, 1);
            let entries = unzip(&open(&world.out, &part.file, identity));
            let manifest = &entries["manifest.jsonl"];
            assert!(manifest.len() < 8_192 + 2_048, "{}: {} bytes", part.file, manifest.len());
            let manifest =
                Manifest::open(manifest, &entries["manifest.jsonl.sig"], &acquisition.run_key).unwrap();
            let rows: Vec<Row> = manifest.rows().collect::<Result<_, _>>().unwrap();
            for row in &rows {
                let (kind, control) = match row {
                    Row::Object(own) => ("object", &own.control),
                    Row::Listed(own) => ("listed", &own.control),
                    Row::Held(own) => ("held", &own.control),
                };
                *seen.entry((set.set.clone(), kind, control.clone())).or_insert(0) += 1;
                if kind == "object" {
                    assert_eq!(entries[&format!("objects/{control}")], b"four");
                }
            }
            let told = rows.iter().filter(|row| matches!(row, Row::Held(_))).count();
            assert!(told == 0 || told == 40, "rows of held items stand together: {told}");
        }
    }
    let count =
        |set: &SetName, kind: &str| seen.keys().filter(|(own, of, _)| own == set && *of == kind).count();
    assert!(seen.values().all(|times| *times == 1));
    assert_eq!((count(&SetName::Captured, "object"), count(&SetName::Captured, "held")), (40, 40));
    assert_eq!(count(&SetName::Held("filter".into()), "object"), 40);
}
