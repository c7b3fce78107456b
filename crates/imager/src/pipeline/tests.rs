use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use custody::durable::Op;
use custody::{Disk, Found, Options as Batches, PackageWriter, SecretKey, SetRecipients, Setup, Unfinished};
use evidence::acquisition::{MediumStatement, RecordLeft};
use examine::Options;
use scope::facts::{CaseRule, Facts, Kind, Look};
use scope::{Bundle, Outcome, RawName};
use source::{ByteSource, EvidenceStream, NodeId, SourceError, SourceInfo, WalkOptions};

use super::*;
use crate::command::Keeping;

/// A medium of files that never was: every third is to be taken, every ninth is held.
struct Made {
    info: SourceInfo,
    items: u64,
    size: u64,
}

impl Made {
    fn new(items: u64, size: u64) -> Self {
        let info = SourceInfo { volume: "tree".to_owned(), ..SourceInfo::default() };
        Self { info, items, size }
    }
}

/// What keeps items of a medium that gives everything.
fn keeping<'a>(writer: &'a PackageWriter, policy: &'a Policy) -> Keeping<'a> {
    static NO_DRIVES: Vec<Arc<dyn ByteSource>> = Vec::new();
    Keeping::new(writer, policy, nobody(), &Counted::default(), &NO_DRIVES)
}

/// Nobody asks to stop.
fn nobody() -> &'static Interrupt {
    Box::leak(Box::default())
}

fn entry(number: u64, size: u64) -> Entry {
    let folder = match (number % 9, number % 3) {
        (0, _) => "logs",
        (_, 0) => "site",
        _ => "other",
    };
    let facts = Facts {
        volume: "tree".to_owned(),
        case_rule: CaseRule::Sensitive,
        node: format!("inode:{number}"),
        kind: Kind::File,
        names: vec![RawName(format!("/{folder}/{number}").into_bytes())],
        links: Some(1),
        size: Some(size),
        allocated: None,
        times: Vec::new(),
        uid: Some(0),
        gid: Some(0),
        sid: None,
        mode: Some(0o644),
        link_target: None,
        attributes: Vec::new(),
        type_fact: None,
        hash: None,
        slack: None,
        member: None,
        keywords: Vec::new(),
        mail: Vec::new(),
        container: None,
        failures: Vec::new(),
        looks: vec![Look::Metadata],
    };
    Entry { locator: format!("tree/inode:{number}"), facts, node: NodeId::new(number) }
}

struct Same {
    left: u64,
    declared: u64,
}

impl Read for Same {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer.len().min(usize::try_from(self.left).unwrap());
        buffer[..count].fill(b'x');
        self.left -= count as u64;
        Ok(count)
    }
}

impl EvidenceStream for Same {
    fn declared_len(&self) -> u64 {
        self.declared
    }
}

impl Source for Made {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn walk_with(
        &self,
        _: &WalkOptions<'_>,
        visit: &mut dyn FnMut(WalkEvent) -> ControlFlow<()>,
    ) -> Result<WalkReport, SourceError> {
        let mut report = WalkReport::default();
        for number in 1..=self.items {
            report.items = number;
            report.names = number;
            if visit(WalkEvent::Item(entry(number, self.size))).is_break() {
                return Ok(report);
            }
        }
        Ok(WalkReport { complete: true, ..report })
    }

    fn open(&self, _: &Entry) -> Result<Box<dyn EvidenceStream>, SourceError> {
        Ok(Box::new(Same { left: self.size, declared: self.size }))
    }
}

fn policy(limits: &str) -> Policy {
    let example = include_str!("../../../../policies/1-rustock-cnc/policy.toml");
    let mut tables = example.split("\n\n").filter(|table| {
        ["schema", "[authority]", "[recipients]", "[record]", "[defaults]", "[target]"]
            .iter()
            .any(|kept| table.starts_with(kept))
    });
    let mut text = tables.by_ref().collect::<Vec<_>>().join("\n\n");
    let neutral = example.split("\n\n").find(|table| table.contains("id         = \"neutral\"")).unwrap();
    let rule = |id, effect, any| {
        format!(
            "[[rule]]\nid = \"{id}\"\neffect = \"{effect}\"\nbasis = \"order\"\ntext = \"Words.\"\nany = [\"{any}\"]\n"
        )
    };
    let selector = |id| format!("[selector.{id}]\nlabel = \"words\"\npath = [\"/{id}/**\"]\n");
    text += &format!(
        "\n\n{neutral}\n\n{}{}{}",
        selector("site"),
        selector("logs"),
        rule("I-1", "include", "site\", \"logs")
    );
    text += &format!("{}to = \"neutral\"\n\n{limits}", rule("H-1", "hold", "logs"));
    let mut bundle = Bundle::new();
    bundle.insert("policy.toml", text.into_bytes()).unwrap();
    Policy::parse(&bundle).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// Notes outcomes; fails or panics at an item, and interrupts before one.
#[derive(Default)]
struct Noting {
    outcomes: Mutex<BTreeMap<String, Outcome>>,
    walked: Mutex<Vec<String>>,
    batches: AtomicU64,
    in_batch: AtomicU64,
    room: u64,
    limited: bool,
    fail: Option<&'static str>,
    panic: Option<&'static str>,
}

impl Crew for Noting {
    type Hand = u64;

    fn hand(&self) -> u64 {
        0
    }

    fn has_room(&self, items: u64) -> bool {
        let taken = self.in_batch.load(Ordering::SeqCst);
        self.room == 0 || taken == 0 || taken + items <= self.room
    }

    fn walked(&self, entry: &Entry) {
        self.in_batch.fetch_add(1, Ordering::SeqCst);
        self.walked.lock().unwrap().push(entry.locator.clone());
    }

    fn item(&self, hand: &mut u64, _: &dyn Source, entry: &Entry, found: Examined) -> Result<Kept, Failure> {
        assert_ne!(self.panic, Some(entry.locator.as_str()), "told to");
        if self.fail == Some(entry.locator.as_str()) {
            return Err(Failure::new("told to fail"));
        }
        *hand += 1;
        let again = self.outcomes.lock().unwrap().insert(entry.locator.clone(), found.decision.outcome);
        assert!(again.is_none(), "an item has one outcome");
        Ok(None)
    }

    fn pause(&self, _: &mut u64) -> Result<(), Failure> {
        Ok(())
    }

    fn close(&self, hand: &mut u64) -> Result<(), Failure> {
        *hand = 0;
        Ok(())
    }

    fn commit(&self, _: &Counted) -> Result<(), Failure> {
        // Whoever was given an item of this batch has finished it.
        let (walked, decided) = (self.walked.lock().unwrap().len(), self.outcomes.lock().unwrap().len());
        assert!(walked == decided || self.limited && walked == decided + 1, "{walked} {decided}");
        self.in_batch.store(0, Ordering::SeqCst);
        self.batches.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

fn run_with<C: Crew>(jobs: usize, limits: &str, made: &Made, crew: &C, asked: bool) -> Result<Done, Failure> {
    run_after(jobs, limits, made, crew, asked, &Counted::default())
}

fn run_after<C: Crew>(
    jobs: usize,
    limits: &str,
    made: &Made,
    crew: &C,
    asked: bool,
    before: &Counted,
) -> Result<Done, Failure> {
    let policy = policy(limits);
    let examiner = Examiner::new(&policy, Options::default());
    let interrupt = if asked { Interrupt::asked() } else { Interrupt::default() };
    let run = Run {
        drives: &Vec::new(),
        policy: &policy,
        sources: &[made],
        examiner: &examiner,
        jobs,
        meter: &Meter::new(None),
        interrupt: &interrupt,
        before,
    };
    super::run(&run, crew)
}

#[test]
fn every_item_has_one_outcome_whatever_the_number_of_workers() {
    let made = Made::new(5_000, 10);
    let mut first = None;
    for (jobs, room) in [(1, 0), (1, 700), (2, 700), (8, 100), (8, 1)] {
        let crew = Noting { room, ..Noting::default() };
        let done = run_with(jobs, "", &made, &crew, false).unwrap();
        assert_eq!((done.tally.items, done.walks[0].1), (5_000, 5_000));
        let walked = crew.walked.into_inner().unwrap();
        assert!(walked.iter().zip(1..).all(|(locator, n)| *locator == format!("tree/inode:{n}")));
        let batches = crew.batches.into_inner();
        assert!(
            if room == 0 { batches == 1 } else { batches >= 5_000 / room.max(64) },
            "{jobs} {room}: {batches}"
        );
        let outcomes = crew.outcomes.into_inner().unwrap();
        assert_eq!(outcomes.len(), 5_000);
        assert_eq!(outcomes, *first.get_or_insert_with(|| outcomes.clone()), "{jobs} workers");
    }
}

#[test]
fn limits_fall_at_the_same_item_whatever_the_number_of_workers() {
    let made = Made::new(5_000, 10);
    for (limits, items, met) in [
        ("[limits]\nitems = 1000\n", 1000, 1000),
        // Every third item is kept, 10 bytes each: the hundredth is number 300, and 303 would be beyond.
        ("[limits]\nbytes = 1000\n", 302, 303),
    ] {
        for jobs in [1, 2, 8] {
            let crew = Noting { room: 64, limited: limits.contains("bytes"), ..Noting::default() };
            let done = run_with(jobs, limits, &made, &crew, false).map_err(|f| f.message);
            // The item beyond a limit of bytes was walked, and has no outcome: a commit is not asked to count it.
            let done = done.unwrap();
            assert!(done.tally.interrupted.is_some());
            assert_eq!((done.tally.items, done.walks[0].1), (items, items), "{jobs} {limits}");
            assert!(done.walks[0].0.items >= met);
        }
    }
}

#[test]
fn whoever_fails_stops_all() {
    let made = Made::new(100_000, 10);
    for jobs in [1, 2, 8] {
        let check = |crew: Noting, asked: bool, says: &str| {
            let failure = run_with(jobs, "", &made, &crew, asked).err().unwrap();
            assert!(failure.message.contains(says), "{}", failure.message);
            assert!(crew.outcomes.lock().unwrap_or_else(PoisonError::into_inner).len() < 50_000);
        };
        check(Noting { fail: Some("tree/inode:3000"), ..Noting::default() }, false, "told to fail");
        check(Noting { panic: Some("tree/inode:3000"), room: 100, ..Noting::default() }, false, "panic");
        check(Noting::default(), true, "as asked");
    }
}

/// For many n: the n-th operation on the disk fails. All workers stop, and nothing that no journal commits stays.
#[test]
fn an_error_of_the_disk_in_any_worker_ends_the_package() {
    for n in (0..400).step_by(23) {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        std::fs::create_dir(&state).unwrap();
        let left = AtomicUsize::new(n + 40);
        let disk = Disk::with_hook(Arc::new(move |op, _: &Path| {
            let more = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
            // What is discarded may be removed all the same.
            if more.is_ok() || matches!(op, Op::Remove) {
                Ok(())
            } else {
                Err(io::ErrorKind::StorageFull.into())
            }
        }));
        let policy = policy("");
        let writer = PackageWriter::create(&disk, &folder.path().join("P"), &state, setup(&policy)).unwrap();
        let keeping = keeping(&writer, &policy);
        let outcome = run_with(4, "", &Made::new(600, 3_000), &keeping, false);
        let failure = outcome.err().unwrap_or_else(|| panic!("operation {n} did not fail"));
        assert!(failure.message.contains("no space left"), "{n}: {}", failure.message);
        let data = folder.path().join("P.partial/data");
        let before = std::fs::read_dir(&data).unwrap().count();
        // The folder cannot be listed on a disk that fails whatever is asked.
        let _ = writer.discard_batch();
        assert!(std::fs::read_dir(&data).unwrap().count() <= before);
        assert!(!folder.path().join("P").exists());
    }
}

#[test]
fn a_batch_that_is_discarded_leaves_the_committed_ones() {
    let folder = tempfile::tempdir().unwrap();
    let policy = policy("");
    let writer =
        PackageWriter::create(&Disk::new(), &folder.path().join("P"), folder.path(), setup(&policy)).unwrap();
    let keeping = keeping(&writer, &policy);
    run_with(3, "", &Made::new(200, 100), &keeping, false).unwrap();
    let data = folder.path().join("P.partial/data");
    let committed = std::fs::read_dir(&data).unwrap().count();
    let mut hand = keeping.hand();
    let (item, made) = (entry(3, 100), Made::new(1, 100));
    let examiner = Examiner::new(&policy, Options::default());
    let examined = examiner.examine(&item, &made).unwrap();
    keeping.item(&mut hand, &made, &item, examined).unwrap();
    assert_eq!(
        std::fs::read_dir(&data).unwrap().count(),
        committed + 2,
        "a captured and a ledger part are open"
    );
    drop(hand);
    writer.discard_batch().unwrap();
    assert_eq!(std::fs::read_dir(&data).unwrap().count(), committed);
}

fn setup(policy: &Policy) -> Setup {
    let recipients = policy.recipients();
    Setup {
        origin: "example.org/KC07".to_owned(),
        package: custody::new_run_number().unwrap(),
        medium: MediumStatement {
            label: "KC07".to_owned(),
            form: "made".to_owned(),
            size: None,
            ids: Vec::new(),
        },
        policy: policy.id(),
        run_key: SecretKey::generate("run").unwrap(),
        recipients: SetRecipients {
            captured: recipients.case.clone(),
            compartments: policy
                .compartments()
                .iter()
                .map(|c| (c.id.clone(), c.recipients.clone()))
                .collect(),
            ledger: recipients.auditor.clone(),
        },
        record_left: RecordLeft::Facts,
        options: Batches { items: 100, ..Batches::default() },
        setting: BTreeMap::new(),
        departures: Vec::new(),
    }
}

/// One whole capture of a medium that never was: as many items as asked for, or one file as long as asked for.
///
/// `tests/tools/bench.sh --only g` calls this with the arguments of `ambit capture` in AMBIT_ARGS, one a line, and checks
/// the package that comes out with `ambit-verify`.
#[test]
#[ignore = "takes minutes; docs/concepts/performance.md has tables made with it"]
fn a_package_of_many_items() {
    use clap::Parser as _;
    let number = |name: &str| std::env::var(name).unwrap().parse::<u64>().unwrap();
    let args = std::env::var("AMBIT_ARGS").unwrap();
    let cli = crate::cli::Cli::try_parse_from(args.lines()).unwrap();
    let crate::cli::Command::Capture(args) = cli.command else { panic!("not a capture") };
    let made: Vec<Box<dyn Source>> = vec![Box::new(Made::new(number("AMBIT_ITEMS"), number("AMBIT_SIZE")))];
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let (reader, interrupt) = (source::Reader::Here, Interrupt::default());
    let mut console = crate::console::Console::new(&mut out, &mut err, false, reader, interrupt, Disk::new());
    crate::command::capture_made(&args, &made, &mut console).unwrap();
}

/// Keeps items, until it fails at one of them.
struct Stopping<'a> {
    keeping: Keeping<'a>,
    at: String,
}

impl Crew for Stopping<'_> {
    type Hand = custody::Hand;

    fn hand(&self) -> Self::Hand {
        self.keeping.hand()
    }

    fn has_room(&self, items: u64) -> bool {
        self.keeping.has_room(items)
    }

    fn walked(&self, entry: &Entry) {
        self.keeping.walked(entry);
    }

    fn ahead(&self) -> u64 {
        self.keeping.ahead()
    }

    fn walked_again(&self, entry: &Entry) -> Result<(), Failure> {
        self.keeping.walked_again(entry)
    }

    fn item(
        &self,
        hand: &mut Self::Hand,
        source: &dyn Source,
        entry: &Entry,
        found: Examined,
    ) -> Result<Kept, Failure> {
        if entry.locator == self.at {
            return Err(Failure::new("told to fail"));
        }
        self.keeping.item(hand, source, entry, found)
    }

    fn pause(&self, hand: &mut Self::Hand) -> Result<(), Failure> {
        self.keeping.pause(hand)
    }

    fn close(&self, hand: &mut Self::Hand) -> Result<(), Failure> {
        self.keeping.close(hand)
    }

    fn commit(&self, counted: &Counted) -> Result<(), Failure> {
        self.keeping.commit(counted)
    }
}

fn found(out: &Path, state: &Path) -> Box<Unfinished> {
    let Found::Unfinished(mut found) = Unfinished::open(&Disk::new(), &[out.to_owned()], state).unwrap()
    else {
        panic!("it can be resumed")
    };
    found.check(custody::Reading::unheard(1)).unwrap();
    found
}

/// Breaks a run off at each of these items in turn, and lets it end: what was counted, and the package's own totals.
fn broken_at(jobs: usize, limits: &str, stops: &[u64]) -> (Counted, custody::Totals) {
    let folder = tempfile::tempdir().unwrap();
    let (policy, out, state) = (policy(limits), folder.path().join("P"), folder.path());
    let mut writer = PackageWriter::create(&Disk::new(), &out, state, setup(&policy)).unwrap();
    let mut before = Counted::default();
    let made = Made::new(1000, 10);
    for stop in stops {
        let keeping = keeping(&writer, &policy);
        let crew = Stopping { keeping, at: entry(*stop, 0).locator };
        let failure = run_after(jobs, limits, &made, &crew, false, &before).err().unwrap();
        assert_eq!(failure.message, "told to fail");
        drop(writer); // as a process that was killed: parts of the open batch stay
        let again = found(&out, state);
        assert!(again.items() > 0 && again.items() < *stop, "{} items at {stop}", again.items());
        before = serde_json::from_str(&again.crew().unwrap().unwrap()).unwrap();
        writer = again.resume(setup(&policy)).unwrap();
    }
    let keeping = keeping(&writer, &policy);
    let done = run_after(jobs, limits, &made, &keeping, false, &before).unwrap();
    assert_eq!(done.walks.len(), 1);
    let totals = writer.totals();
    (Counted { tally: done.tally, ..Counted::default() }, totals)
}

#[test]
fn a_run_that_was_broken_off_counts_as_one_that_was_not() {
    let told = |counted: &Counted| serde_json::to_string(counted).unwrap();
    for (limits, jobs) in [("", 1), ("", 4), ("[limits]\nitems = 900\n", 3), ("[limits]\nbytes = 2600\n", 4)]
    {
        let (whole, totals) = broken_at(1, limits, &[]);
        let (broken, again) = broken_at(jobs, limits, &[333, 336, 700]);
        assert_eq!(told(&whole), told(&broken), "{limits}");
        assert_eq!(totals, again, "{limits}");
    }
}

#[test]
fn another_medium_is_not_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let (policy, out, state) = (policy(""), folder.path().join("P"), folder.path());
    let writer = PackageWriter::create(&Disk::new(), &out, state, setup(&policy)).unwrap();
    let crew = Stopping { keeping: keeping(&writer, &policy), at: entry(500, 0).locator };
    run_with(2, "", &Made::new(1000, 10), &crew, false).err().unwrap();
    drop(writer);
    for (made, why) in [(Made::new(1000, 11), "place, size or times"), (Made::new(50, 10), "50 items now")] {
        let again = found(&out, state);
        let before = serde_json::from_str(&again.crew().unwrap().unwrap()).unwrap();
        let writer = again.resume(setup(&policy)).unwrap();
        let failure = run_after(2, "", &made, &keeping(&writer, &policy), false, &before).err().unwrap();
        assert!(failure.message.contains("the medium is not as it was"), "{}", failure.message);
        assert!(failure.message.contains(why), "{}", failure.message);
    }
}

#[test]
fn a_limit_of_bytes_that_was_met_before_the_break_stays_met() {
    let limits = "[limits]\nbytes = 1000\n";
    let folder = tempfile::tempdir().unwrap();
    let (policy, out, state) = (policy(limits), folder.path().join("P"), folder.path());
    let made = Made::new(1000, 10);
    let writer = PackageWriter::create(&Disk::new(), &out, state, setup(&policy)).unwrap();
    let whole = run_with(2, limits, &made, &keeping(&writer, &policy), false).unwrap();
    drop(writer); // all is committed, and nothing is said of the end yet
    let again = found(&out, state);
    let before = serde_json::from_str(&again.crew().unwrap().unwrap()).unwrap();
    let writer = again.resume(setup(&policy)).unwrap();
    let done = run_after(2, limits, &made, &keeping(&writer, &policy), false, &before).unwrap();
    assert_eq!((done.tally.items, &done.tally.interrupted), (whole.tally.items, &whole.tally.interrupted));
    assert!(done.tally.interrupted.is_some());
}
