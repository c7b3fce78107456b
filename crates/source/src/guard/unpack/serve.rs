//! The process's side: what archives hold, told over its standard output.

use std::io::{self, BufRead, Read as _};
use std::sync::{Arc, Mutex, PoisonError};

use super::super::child::{busy, passed, send, send_json, send_parts};
use super::super::frame::{self, ask, tell};
use super::super::words::Fault;
use super::{ArchiveAsk, Listed, ReadAsk, Told, WINDOW, Want, of_archive, of_content, open_at};
use crate::archive::{self, Archive, Limits};
use crate::bytes::{ByteSource, ReadFault, length};
use crate::exact::EvidenceStream;
use crate::extract::{self, extract};

/// The process's side, once it is confined.
pub(crate) fn serve(input: impl BufRead + Send + 'static, unconfined: &str) -> io::Result<()> {
    send(tell::READY, unconfined.as_bytes())?;
    let input = Arc::new(Mutex::new(input));
    let mut open: Option<(Archive, Arc<dyn ByteSource>)> = None;
    let mut stream: Option<Opened> = None;
    let (mut listed, mut telling) = (0, false);
    loop {
        busy(false);
        let read = frame::read(&mut *input.lock().unwrap_or_else(PoisonError::into_inner));
        let (kind, holds) = match read {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            read => read?,
        };
        busy(true);
        match kind {
            ask::ARCHIVE => {
                let asked: ArchiveAsk = serde_json::from_slice(&holds)?;
                let bytes: Arc<dyn ByteSource> = Arc::new(Asked {
                    input: Arc::clone(&input),
                    length: asked.length,
                    held: Mutex::default(),
                });
                let limits = Limits { total: asked.total, ..Limits::of(asked.length) };
                (stream, open, telling) = (None, None, false);
                match archive::read_known(asked.form, Arc::clone(&bytes), &limits) {
                    Ok(archive) => {
                        (listed, telling) = (0, true);
                        tell_members(&archive, &mut listed, &mut telling)?;
                        open = Some((archive, bytes));
                    }
                    Err(error) => send_json(tell::FAULT, &Fault::from(&of_archive(error)))?,
                }
            }
            ask::MORE if telling => {
                let Some((archive, _)) = &open else { return Err(io::ErrorKind::InvalidData.into()) };
                tell_members(archive, &mut listed, &mut telling)?;
            }
            ask::MEMBER => {
                let (asked, _) = holds.as_chunks::<8>();
                let (Some((archive, bytes)), [number, from]) = (&open, asked) else {
                    return Err(io::ErrorKind::InvalidData.into());
                };
                let number = usize::try_from(u64::from_le_bytes(*number)).unwrap_or(usize::MAX);
                let from = u64::from_le_bytes(*from);
                // What is before is unpacked here and told to nobody.
                match open_at(archive, number, from, Arc::clone(bytes)) {
                    Ok(opened) => stream = tell_opened(opened, from)?,
                    Err(error) => send_json(tell::FAULT, &Fault::from(&error))?,
                }
            }
            ask::READ => {
                let asked: ReadAsk = serde_json::from_slice(&holds)?;
                let Some((archive, bytes)) = &open else { return Err(io::ErrorKind::InvalidData.into()) };
                stream = None;
                match archive.open(usize::try_from(asked.number).unwrap_or(usize::MAX), Arc::clone(bytes)) {
                    Ok(mut opened) => tell_read(opened.as_mut(), asked.form, &input)?,
                    Err(error) => send_json(tell::FAULT, &Fault::from(&of_archive(error)))?,
                }
            }
            ask::MORE => match &mut stream {
                Some(open) => tell_more(open)?,
                None => return Err(io::ErrorKind::InvalidData.into()),
            },
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// Tells of some members, or that these were all.
fn tell_members(archive: &Archive, listed: &mut usize, telling: &mut bool) -> io::Result<()> {
    let (mut some, mut long) = (Vec::new(), 0_usize);
    let members = archive.members.iter().skip(*listed).map(Told::of);
    let others = archive.others.iter().skip(listed.saturating_sub(archive.members.len()));
    for told in members.chain(others.map(Told::of_other)) {
        if long >= BATCH {
            break;
        }
        long = long.saturating_add(told.length());
        *listed = listed.saturating_add(1);
        some.push(told);
    }
    if some.is_empty() {
        *telling = false;
        let Archive { loose, aside, unsound, .. } = *archive;
        let broken = archive.broken.clone();
        return send_json(tell::LISTED, &Listed { loose, aside, broken, unsound });
    }
    send_json(tell::MEMBERS, &some)
}

/// A member that is open, and what its last read ended on, where that was not told yet.
struct Opened {
    stream: Box<dyn EvidenceStream>,
    failed: Option<io::Error>,
}

/// Tells of a member's length, with its first bytes; with all of it where it is short and sound.
fn tell_opened(mut stream: Box<dyn EvidenceStream>, from: u64) -> io::Result<Option<Opened>> {
    let declared = stream.declared_len();
    let mut first = Vec::new();
    let mut failed = None;
    if declared.saturating_sub(from) <= length(FIRST) {
        failed = stream.by_ref().take(length(FIRST).saturating_add(1)).read_to_end(&mut first).err();
        if failed.is_none() {
            send_parts(tell::OPENED, &[&[1], &declared.to_le_bytes(), &first])?;
            return Ok(None);
        }
    }
    // What is wrong with it is told in its place.
    send_parts(tell::OPENED, &[&[0], &declared.to_le_bytes(), &first])?;
    Ok(Some(Opened { stream, failed }))
}

/// Tells what is in content, as long as more of it is asked for.
fn tell_read(
    content: &mut dyn EvidenceStream,
    form: extract::Form,
    input: &Mutex<impl BufRead>,
) -> io::Result<()> {
    let mut held = Vec::with_capacity(BATCH);
    let mut stopped = false;
    let read = extract(form, content, &mut |piece| {
        held.extend_from_slice(piece);
        if held.len() < BATCH {
            return Ok(());
        }
        send(tell::DATA, &held)?;
        held.clear();
        stopped = !goes_on(input)?;
        if stopped { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    });
    if !stopped && !held.is_empty() {
        send(tell::DATA, &held)?;
        stopped = !goes_on(input)?;
    }
    match read {
        _ if stopped => send(tell::CANCELLED, &[]),
        Ok(()) => send(tell::END, &[]),
        Err(error) => send_json(tell::FAULT, &Fault::from(&of_content(error))),
    }
}

/// Whether the program asks for more.
fn goes_on(input: &Mutex<impl BufRead>) -> io::Result<bool> {
    let mut input = input.lock().unwrap_or_else(PoisonError::into_inner);
    match frame::read(&mut *input)?.0 {
        ask::MORE => Ok(true),
        ask::CANCEL => Ok(false),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn tell_more(opened: &mut Opened) -> io::Result<()> {
    let Opened { stream, failed } = opened;
    if let Some(error) = failed.take() {
        return passed(stream.as_mut(), &error).map(drop);
    }
    let mut piece = vec![0; WINDOW];
    let mut filled = 0;
    loop {
        match stream.read(piece.get_mut(filled..).unwrap_or_default()) {
            Ok(0) if filled == 0 => return send(tell::END, &[]),
            Ok(0) => return send(tell::DATA, piece.get(..filled).unwrap_or_default()),
            Ok(count) => filled = filled.saturating_add(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if filled > 0 => {
                *failed = Some(error);
                return send(tell::DATA, piece.get(..filled).unwrap_or_default());
            }
            Err(error) => return passed(stream.as_mut(), &error).map(drop),
        }
    }
}

/// The archive's bytes, which are asked for.
struct Asked<R> {
    input: Arc<Mutex<R>>,
    length: u64,
    /// The last bytes that were given, and where they begin.
    held: Mutex<(u64, Vec<u8>)>,
}

impl<R: BufRead + Send> ByteSource for Asked<R> {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let want = left.min(buf.len());
        let mut done = 0;
        while done < want {
            let at = offset.saturating_add(length(done));
            let inside = at.checked_sub(held.0).and_then(|start| held.1.get(usize::try_from(start).ok()?..));
            let from = inside.unwrap_or_default();
            if from.is_empty() {
                let more = usize::try_from(self.length.saturating_sub(at)).unwrap_or(usize::MAX);
                let next = want.saturating_sub(done).clamp(SMALLEST, WINDOW).min(more);
                let given = self.ask(at, next).map_err(|error| ReadFault {
                    offset: at,
                    length: length(next),
                    reason: error.to_string(),
                })?;
                *held = (at, given);
                continue;
            }
            let count = from.len().min(want.saturating_sub(done));
            if let (Some(to), Some(from)) = (buf.get_mut(done..done.saturating_add(count)), from.get(..count))
            {
                to.copy_from_slice(from);
            }
            done = done.saturating_add(count);
        }
        Ok(want)
    }
}

impl<R: BufRead> Asked<R> {
    fn ask(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        send_json(tell::WANT, &Want { offset, length })?;
        let mut input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        match frame::read(&mut *input)? {
            (ask::GIVEN, holds) if holds.len() == length => Ok(holds),
            (ask::NOT_GIVEN, holds) => Err(serde_json::from_slice::<Fault>(&holds)?.stream()),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// What is asked for at least, since headers lie side by side.
const SMALLEST: usize = 64 << 10;
/// Content told with the opening.
const FIRST: usize = 256 << 10;
/// Bytes of names told at once.
const BATCH: usize = 1 << 20;
