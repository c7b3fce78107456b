//! The process that reads: one medium, confined, told what to do over its standard input.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read as _};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use scope::RawName;
use serde::Serialize;

use super::calls::{Calls, limit_calls};
use super::frame::{self, VERSION, ask, frame, head, tell};
use super::remote::PIECE;
use super::words::{
    Bad, Begin, BytesAsk, Event, Extent, ExtractAsk, Fault, Item, OpenAsk, Refusal, Survey, Unread, WalkAsk,
};
use super::{LOST, PANICKED, Reader, confine, progress};
use crate::bytes::{ByteSource, length};
use crate::exact::EvidenceStream;
use crate::medium::Opened;
use crate::open::OpenOptions;
use crate::walk::{Issue, WalkEvent, WalkOptions};

/// Reads a medium for the program that started this process, and returns its exit code.
///
/// It takes over standard input and output, sets limits that hold for the whole process, and ends it where a parser
/// panics: a program calls this at once, before it starts a thread, and does nothing after.
#[must_use]
pub fn serve() -> u8 {
    if io::stdin().is_terminal() {
        return 1;
    }
    quiet();
    // What goes wrong here is a program that is gone, or one that is not ours.
    match serve_until_end() {
        Ok(()) => 0,
        Err(_) => 1,
    }
}

/// A panic ends the process, and says nothing: its words could name something of the medium.
fn quiet() {
    std::panic::set_hook(Box::new(|_| {
        #[expect(clippy::exit, reason = "this process is a parser and nothing else; it ends where it fails")]
        std::process::exit(PANICKED)
    }));
}

/// Says that the medium is gone, before a word of what this came to, and ends the process.
fn gone(why: &str) {
    let _ = send(tell::LOST, why.as_bytes());
    #[expect(clippy::exit, reason = "there is nothing left to read")]
    std::process::exit(LOST)
}

fn serve_until_end() -> io::Result<()> {
    let input = rustix::io::dup(rustix::stdio::stdin())?;
    let mut talk = Talk { input: BufReader::new(File::from(input)) };
    let (kind, holds) = frame::read(&mut talk.input)?;
    let begin: Begin = parse(kind == ask::BEGIN, &holds)?;
    if begin.version != VERSION {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let paths: Vec<PathBuf> =
        begin.paths.into_iter().map(|path| std::ffi::OsString::from_vec(path.0).into()).collect();
    let mut unconfined: Vec<String> = confine::confine_to(&paths, begin.memory)?.into_iter().collect();
    start_watching()?;
    unconfined.extend(limit_calls(Calls::Opening));
    if paths.is_empty() {
        // Archives: their bytes come by the same way as the questions, and nothing is opened.
        unconfined.extend(limit_calls(Calls::Reading));
        return super::unpack::serve(talk.input, &told(unconfined).unwrap_or_default());
    }
    BUSY.store(true, Ordering::Relaxed);
    progress::tell_of_loss(gone);
    let options = OpenOptions {
        writable_source: begin.writable_source,
        bare: begin.bare,
        form: begin.form,
        names: begin.names,
        reader: Reader::Here,
    };
    let opened = match crate::open::open_set(&paths, &options) {
        Ok(opened) => opened,
        Err(error) => return send_json(tell::REFUSED, &Refusal::of(&error, &paths)),
    };
    unconfined.extend(limit_calls(Calls::Reading));
    send_json(tell::SURVEY, &survey(&opened, told(unconfined)))?;
    loop {
        BUSY.store(false, Ordering::Relaxed);
        let (kind, holds) = match frame::read(&mut talk.input) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            read => read?,
        };
        BUSY.store(true, Ordering::Relaxed);
        match kind {
            ask::WALK => talk.walk(&opened, parse(true, &holds)?)?,
            ask::OPEN => talk.open(&opened, parse(true, &holds)?)?,
            ask::EXTRACT => talk.extract(&opened, parse(true, &holds)?)?,
            ask::BYTES => bytes(&opened, &parse(true, &holds)?)?,
            ask::BAD => send_json(tell::BAD, &bad(&opened))?,
            ask::CANCEL => send(tell::CANCELLED, &[])?,
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// In which ways this process is not confined.
fn told(mut unconfined: Vec<String>) -> Option<String> {
    // Where there is no seccomp, both lists of calls say so.
    unconfined.dedup();
    Some(unconfined.join("; ")).filter(|said| !said.is_empty())
}

fn parse<'a, T: serde::Deserialize<'a>>(expected: bool, holds: &'a [u8]) -> io::Result<T> {
    if !expected {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(serde_json::from_slice(holds)?)
}

fn survey(opened: &Opened, unconfined: Option<String>) -> Survey {
    let pairs = |ranges: Vec<std::ops::Range<u64>>| {
        ranges.into_iter().map(|range| (range.start, range.end)).collect()
    };
    let extent = |bytes: &dyn ByteSource| Extent {
        len: bytes.len(),
        sector_size: bytes.sector_size(),
        bad: pairs(bytes.bad_ranges()),
        filled: pairs(bytes.filled_ranges()),
    };
    let unread = opened.unread.iter().map(|unread| Unread {
        place: unread.place.clone(),
        what: unread.what.clone(),
        ids: unread.ids.clone(),
        extent: extent(unread.bytes.as_ref()),
    });
    Survey {
        medium: opened.medium.clone(),
        sources: opened.sources.iter().map(|source| source.info().clone()).collect(),
        image: opened.image.as_deref().map(extent),
        unread: unread.collect(),
        unconfined,
    }
}

fn bad(opened: &Opened) -> Bad {
    let pairs = |ranges: Vec<std::ops::Range<u64>>| ranges.into_iter().map(|range| (range.start, range.end));
    opened.drives.bad_ranges().into_iter().map(|ranges| pairs(ranges).collect()).collect()
}

/// Answers with bytes of the medium.
fn bytes(opened: &Opened, asked: &BytesAsk) -> io::Result<()> {
    let source = match asked.unread {
        None => opened.image.as_deref(),
        Some(number) => opened.unread.get(number).map(|unread| unread.bytes.as_ref()),
    };
    let source = source.filter(|_| asked.length <= PIECE).ok_or(io::ErrorKind::InvalidData)?;
    let mut buf = vec![0; asked.length];
    let read = if asked.filled {
        source.read_filled_at(asked.offset, &mut buf).and_then(|count| match count == buf.len() {
            true => Ok(()),
            false => source.read_exact_at(asked.offset, &mut buf),
        })
    } else {
        source.read_exact_at(asked.offset, &mut buf)
    };
    match read {
        Ok(()) => send(tell::DATA, &buf),
        Err(fault) => send_json(tell::FAULT, &Fault::from(&fault)),
    }
}

/// Tells what was not read; `true` where the stream goes on behind it.
pub(super) fn passed(stream: &mut dyn EvidenceStream, error: &io::Error) -> io::Result<bool> {
    let fault = serde_json::to_vec(&Fault::from(error))?;
    match stream.pass() {
        Some(count) => send_parts(tell::GAP, &[&count.to_le_bytes(), &fault]).map(|()| true),
        None => send(tell::FAULT, &fault).map(|()| false),
    }
}

/// What the program says.
struct Talk {
    input: BufReader<File>,
}

impl Talk {
    /// Whether the program has said something meanwhile: it can only be to stop.
    fn is_stopped(&self) -> bool {
        if !self.input.buffer().is_empty() {
            return true;
        }
        let mut files = [PollFd::new(self.input.get_ref(), PollFlags::IN)];
        poll(&mut files, Some(&Timespec::default())).is_ok_and(|count| count > 0)
    }

    fn open(&self, opened: &Opened, asked: OpenAsk) -> io::Result<()> {
        let source = opened.sources.get(asked.source).ok_or(io::ErrorKind::InvalidData)?;
        let entry = asked.item.entry().ok_or(io::ErrorKind::InvalidData)?;
        let mut stream = match source.open_at(&entry, asked.from) {
            Ok(stream) => stream,
            Err(error) => return send_json(tell::FAULT, &Fault::from(&error)),
        };
        let declared = stream.declared_len();
        let left = declared.saturating_sub(asked.from);
        let whole = left <= length(FIRST);
        // One byte more than there should be, so that the stream says its last word.
        let first = usize::try_from(left).unwrap_or(FIRST).min(FIRST);
        let mut buf = vec![0; first.saturating_add(usize::from(whole))];
        let mut first = 0;
        let mut fault = None;
        while first < buf.len() {
            match stream.read(buf.get_mut(first..).unwrap_or_default()) {
                Ok(0) => break,
                Ok(count) => first = first.saturating_add(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    fault = Some(error);
                    break;
                }
            }
        }
        let content = buf.get(..first).unwrap_or_default();
        let all = whole && fault.is_none();
        send_parts(tell::OPENED, &[&[u8::from(all)], &declared.to_le_bytes(), content])?;
        if all {
            return Ok(());
        }
        if let Some(error) = fault
            && !passed(stream.as_mut(), &error)?
        {
            return Ok(());
        }
        buf.resize(PIECE, 0);
        while !self.is_stopped() {
            match stream.read(&mut buf) {
                Ok(0) => return send(tell::END, &[]),
                Ok(count) => send(tell::DATA, buf.get(..count).unwrap_or_default())?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if passed(stream.as_mut(), &error)? => {}
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Reads content as something, and tells what is in it.
    fn extract(&self, opened: &Opened, asked: ExtractAsk) -> io::Result<()> {
        let source = opened.sources.get(asked.source).ok_or(io::ErrorKind::InvalidData)?;
        let entry = asked.item.entry().ok_or(io::ErrorKind::InvalidData)?;
        let mut held = Vec::with_capacity(BATCH);
        let mut stopped = false;
        let told = source.extract(&entry, asked.form, &mut |piece| {
            held.extend_from_slice(piece);
            if held.len() < BATCH {
                return Ok(());
            }
            stopped = self.is_stopped();
            if stopped {
                return Err(io::ErrorKind::Interrupted.into());
            }
            send(tell::DATA, &held)?;
            held.clear();
            Ok(())
        });
        if stopped {
            return Ok(());
        }
        if !held.is_empty() {
            send(tell::DATA, &held)?;
        }
        match told {
            Ok(()) => send(tell::END, &[]),
            Err(error) => send_json(tell::FAULT, &Fault::from(&error)),
        }
    }

    fn walk(&mut self, opened: &Opened, asked: WalkAsk) -> io::Result<()> {
        let source = opened.sources.get(asked.source).ok_or(io::ErrorKind::InvalidData)?;
        let talk = Mutex::new(self);
        let closed = |path: &RawName| {
            let mut talk = talk.lock().unwrap_or_else(PoisonError::into_inner);
            // Where the program is gone or wants no more, nothing is open to the walk.
            talk.is_closed(path).unwrap_or(true)
        };
        let options = WalkOptions {
            closed: if asked.closes { &closed } else { &|_| false },
            closes: asked.closes,
            streams: asked.streams,
            deleted: asked.deleted,
            recovered: asked.recovered,
            unallocated: asked.unallocated,
        };
        let mut batch =
            Batch { json: Vec::with_capacity(2 * BATCH), most: if asked.at_once { 0 } else { BATCH } };
        let mut failed = None;
        let report = source.walk_with(&options, &mut |event| match batch.add(event) {
            Ok(false) => ControlFlow::Continue(()),
            Ok(true) if talk.lock().unwrap_or_else(PoisonError::into_inner).is_stopped() => {
                ControlFlow::Break(())
            }
            Ok(true) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        batch.send()?;
        match report {
            Ok(report) => send_json(tell::REPORT, &report),
            Err(error) => send_json(tell::FAULT, &Fault::from(&error)),
        }
    }

    /// Asks the program about a directory.
    fn is_closed(&mut self, path: &RawName) -> io::Result<bool> {
        if self.is_stopped() {
            return Ok(true);
        }
        send(tell::CLOSED, path.bytes())?;
        // What comes may be the word to stop; it is left for whoever answers it.
        if self.input.fill_buf()?.first() != Some(&ask::ANSWER) {
            return Ok(true);
        }
        let (_, holds) = frame::read(&mut self.input)?;
        Ok(holds != [0])
    }
}

/// Events on their way.
struct Batch {
    json: Vec<u8>,
    most: usize,
}

impl Batch {
    /// Adds an event; `true` where the batch was sent.
    fn add(&mut self, event: WalkEvent) -> io::Result<bool> {
        let event = match event {
            WalkEvent::Item(entry) => Event::Item(Item::from(&entry)),
            WalkEvent::Issue(issue) => Event::Issue(issue),
        };
        let before = self.json.len();
        self.json.push(if before == 0 { b'[' } else { b',' });
        serde_json::to_writer(&mut self.json, &event)?;
        let long = self.json.len().saturating_sub(before) > LONGEST;
        if let (true, Event::Item(item)) = (long, event) {
            self.shorten(before, item)?;
        }
        if self.json.len() < self.most {
            return Ok(false);
        }
        self.send()?;
        Ok(true)
    }

    /// Sends an item that no frame can hold without what makes it so long: attributes; and says so.
    fn shorten(&mut self, before: usize, mut item: Item) -> io::Result<()> {
        self.json.truncate(before);
        self.send()?;
        item.facts.retain(|fact| !matches!(fact, scope::facts::Fact::Attribute(_)));
        let what =
            format!("the item's attributes are longer than {LONGEST} bytes together; they are not recorded");
        let issue = Issue { locator: Some(item.locator.clone()), what };
        self.json.push(b'[');
        serde_json::to_writer(&mut self.json, &[Event::Issue(issue), Event::Item(item)])?;
        self.json.remove(0);
        self.json.pop();
        Ok(())
    }

    fn send(&mut self) -> io::Result<()> {
        if self.json.is_empty() {
            return Ok(());
        }
        self.json.push(b']');
        send(tell::EVENTS, &self.json)?;
        self.json.clear();
        Ok(())
    }
}

pub(super) fn send_json(kind: u8, value: &impl Serialize) -> io::Result<()> {
    send(kind, &serde_json::to_vec(value)?)
}

pub(super) fn send(kind: u8, holds: &[u8]) -> io::Result<()> {
    if holds.len() < SMALL {
        return write(&[&frame(kind, holds).ok_or(io::ErrorKind::InvalidData)?]);
    }
    write(&[&head(kind, holds.len()).ok_or(io::ErrorKind::InvalidData)?, holds])
}

pub(super) fn send_parts(kind: u8, parts: &[&[u8]]) -> io::Result<()> {
    send(kind, &parts.concat())
}

/// Writes a frame whole, whatever the other thread has to say.
fn write(parts: &[&[u8]]) -> io::Result<()> {
    let _turn = OUTPUT.lock().unwrap_or_else(PoisonError::into_inner);
    for part in parts {
        let mut rest = *part;
        while !rest.is_empty() {
            let count = rustix::io::retry_on_intr(|| rustix::io::write(rustix::stdio::stdout(), rest))?;
            rest = rest.get(count..).unwrap_or_default();
        }
    }
    Ok(())
}

/// Starts the thread that watches, and waits until it runs: what it calls to begin is not left to it later.
fn start_watching() -> io::Result<()> {
    let (runs, running) = std::sync::mpsc::sync_channel(1);
    thread::Builder::new().spawn(move || {
        if runs.send(()).is_ok() {
            drop(runs);
            watch();
        }
    })?;
    running.recv().map_err(io::Error::other)
}

/// Whether something is asked and not answered yet.
pub(super) fn busy(is: bool) {
    BUSY.store(is, Ordering::Relaxed);
}

/// Ends the process when the program is gone, and tells of progress where something is read.
fn watch() {
    let tick = Timespec { tv_sec: TICK.as_secs().try_into().unwrap_or(5), tv_nsec: 0 };
    let mut before = 0;
    loop {
        // No event asked for: only the end of the other side is told.
        let input = rustix::stdio::stdin();
        let mut files = [PollFd::from_borrowed_fd(input, PollFlags::empty())];
        match poll(&mut files, Some(&tick)) {
            Ok(0) => {}
            Err(rustix::io::Errno::INTR) => continue,
            _ =>
            {
                #[expect(clippy::exit, reason = "nobody is left to read for")]
                std::process::exit(0)
            }
        }
        let reads = progress::reads();
        if BUSY.load(Ordering::Relaxed) && (reads != before || progress::is_reading()) {
            let _ = send(tell::PROGRESS, &[]);
        }
        before = reads;
    }
}

/// Whether something is asked and not answered yet.
static BUSY: AtomicBool = AtomicBool::new(false);
/// Whose turn it is to write.
static OUTPUT: Mutex<()> = Mutex::new(());

/// Between two tellings of progress: often enough for any limit a program may set, too seldom to cost anything.
const TICK: Duration = Duration::from_secs(5);
/// Content sent with the answer to an opening: most files are shorter, and pass in one frame.
const FIRST: usize = 256 << 10;
/// Bytes of events sent at once.
const BATCH: usize = 64 << 10;
/// Longest event. With all of a batch before it, it still fits a frame.
const LONGEST: usize = 24 << 20;
/// Frames under this size are put together, so that one write sends them.
const SMALL: usize = 16 << 10;
