//! Files made here, and files read back: of one copy, or of two at once.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

use super::{Disk, DurableError, Op, Step, describe, free_where};

/// A file created here, not yet durable; in both copies where the package has two.
///
/// It latches its first error: after one, every write fails and
/// [`NewFile::finish`] returns that first error. Where one of two copies
/// fails, that copy is lost, and the file goes on in the other.
#[derive(Debug)]
pub struct NewFile {
    disk: Disk,
    path: PathBuf,
    files: Vec<(usize, OneFile)>,
}

impl NewFile {
    pub(super) fn of(disk: &Disk, path: &Path, files: Vec<(usize, OneFile)>) -> Self {
        Self { disk: disk.clone(), path: path.to_owned(), files }
    }

    /// Where it is: in the first copy, by which both are named.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes written so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.files.iter().map(|(_, file)| file.written).max().unwrap_or(0)
    }

    /// Makes the bytes written so far durable; the file stays open.
    ///
    /// # Errors
    ///
    /// The first error of this file, which is thereby taken out of it; later writes still fail.
    pub fn sync(&mut self) -> Result<(), DurableError> {
        self.each(OneFile::sync)
    }

    /// Makes the file and its name durable. Returns its length.
    ///
    /// # Errors
    ///
    /// The first error of this file.
    pub fn finish(mut self) -> Result<u64, DurableError> {
        self.each(|file| {
            file.sync()?;
            file.disk.sync_parent(&file.path)
        })?;
        Ok(self.written())
    }

    /// Does something in every copy that is not lost.
    fn each<E: std::fmt::Display>(
        &mut self,
        mut action: impl FnMut(&mut OneFile) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.files.len() > 1 {
            let disk = &self.disk;
            self.files.retain(|(copy, _)| disk.has(*copy));
        }
        let (mut done, mut failed) = (0_usize, Vec::new());
        for (copy, file) in &mut self.files {
            match action(file) {
                Ok(()) => done = done.saturating_add(1),
                Err(error) => failed.push((*copy, error)),
            }
        }
        for (copy, error) in failed {
            if done == 0 || !self.disk.lose(copy, &error) {
                return Err(error);
            }
            self.files.retain(|(other, _)| *other != copy);
        }
        Ok(())
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let [(_, file)] = self.files.as_mut_slice() {
            return file.write(bytes);
        }
        self.each(|file| file.write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(()) // nothing is held back here; durability is `sync`
    }
}

/// A file created here, in one copy.
#[derive(Debug)]
pub(super) struct OneFile {
    disk: Disk,
    path: PathBuf,
    file: File,
    written: u64,
    /// Bytes written since free space was asked for; `None` before the first.
    unasked: Option<u64>,
    /// Bytes that are to stay free.
    reserve: u64,
    failed: Option<DurableError>,
}

impl OneFile {
    pub(super) fn of(disk: &Disk, path: &Path, file: File, written: u64, reserve: u64) -> Self {
        Self {
            disk: disk.clone(),
            path: path.to_owned(),
            file,
            written,
            unasked: None,
            reserve,
            failed: None,
        }
    }

    fn sync(&mut self) -> Result<(), DurableError> {
        if let Some(error) = self.failed.take() {
            self.failed = Some(again(&self.path));
            return Err(error);
        }
        let synced = self.disk.run(Op::Sync, &self.path, || self.file.sync_all());
        // A second try could succeed and mean nothing: the system may have dropped what it could not write.
        synced.inspect_err(|_| self.failed = Some(again(&self.path)))
    }

    /// Latches an error of the system.
    fn fails(&mut self, error: io::Error) -> io::Result<usize> {
        let kind = error.kind();
        let described = describe(Op::Write, &self.path, self.written, error);
        self.latch(kind, described)
    }

    /// Fails where the destination is nearly full: asked at the first write, and again after some.
    fn has_space(&mut self, more: usize) -> Result<(), DurableError> {
        let reserve = self.reserve;
        let more = u64::try_from(more).unwrap_or(u64::MAX);
        let unasked = self.unasked.map(|bytes| bytes.saturating_add(more));
        self.unasked = unasked;
        if reserve == 0 || unasked.is_some_and(|bytes| bytes < ASK_EVERY.min(reserve / 8)) {
            return Ok(());
        }
        self.unasked = Some(0);
        // What cannot be asked is judged by the write itself.
        let fits = |free: &u64| free.saturating_sub(more) >= reserve;
        let Some(free) = free_where(&self.path).filter(|free| !fits(free)) else { return Ok(()) };
        Err(DurableError::NearlyFull { path: self.path.clone(), written: self.written, free, reserve })
    }

    /// Latches an error that is told with path and numbers.
    fn latch(&mut self, kind: io::ErrorKind, described: DurableError) -> io::Result<usize> {
        let told = io::Error::new(kind, described.to_string());
        self.failed = Some(described);
        Err(told)
    }
}

impl Write for OneFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed.is_some() {
            return Err(io::Error::other("an earlier write to this file failed"));
        }
        if let Err(full) = self.has_space(bytes.len()) {
            return self.latch(io::ErrorKind::StorageFull, full);
        }
        let step = Step { op: Op::Write, path: &self.path, from: None, bytes };
        let allowed = self.disk.ask(&step).map(|most| bytes.get(..most).unwrap_or(bytes));
        match allowed.and_then(|bytes| self.file.write(bytes)) {
            Ok(0) if !bytes.is_empty() => self.fails(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                self.written = self.written.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => self.fails(error),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(()) // nothing is held back here; durability is `sync`
    }
}

/// A file that is read back.
#[derive(Debug)]
pub struct OldFile {
    disk: Disk,
    path: PathBuf,
    copy: usize,
    file: File,
    at: u64,
    read_back: bool,
    direct: bool,
}

impl OldFile {
    pub(super) fn of(disk: &Disk, path: &Path, copy: usize, file: File) -> Self {
        let (disk, path) = (disk.clone(), path.to_owned());
        Self { disk, path, copy, file, at: 0, read_back: false, direct: false }
    }

    /// It is read past the system's memory, as far as that was possible.
    pub(super) fn read_back(self, direct: bool) -> Self {
        Self { read_back: true, direct, ..self }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether all that was read so far came past the system's memory.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        self.direct
    }

    /// Goes on reading at this byte.
    ///
    /// # Errors
    ///
    /// What the operating system said.
    pub(crate) fn go_to(&mut self, at: u64) -> io::Result<()> {
        self.at = self.file.seek(SeekFrom::Start(at))?;
        Ok(())
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let path = &self.disk.place(self.copy, &self.path);
        let most = self.disk.ask(&Step { op: Op::Read, path, from: None, bytes: &[] })?;
        let most = most.min(buffer.len());
        let buffer = buffer.get_mut(..most).unwrap_or_default();
        match self.file.read(buffer) {
            // A read that is not of whole blocks: from here on through memory, of which the file was dropped.
            Err(error) if self.direct && error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => {
                self.direct = false;
                let flags = fcntl_getfl(&self.file)?;
                fcntl_setfl(&self.file, flags - OFlags::DIRECT)?;
                forget(&self.file);
                self.file.read(buffer)
            }
            read => read,
        }
    }

    /// The same place of the same file in the other copy, where there is one.
    fn goes_on_in_the_other(&mut self, why: &io::Error) -> bool {
        if !self.disk.is_mirrored(&self.path) || self.disk.has(self.copy) && !self.disk.lose(self.copy, why) {
            return false;
        }
        let Ok(other) = self.disk.open(&self.path) else { return false };
        (self.copy, self.file, self.direct) = (other.copy, other.file, false);
        self.file.seek(SeekFrom::Start(self.at)).is_ok()
    }
}

impl io::Read for OldFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self.read_some(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) if !self.goes_on_in_the_other(&error) => {
                let kind = error.kind();
                return Err(io::Error::new(kind, describe(Op::Read, &self.path, 0, error).to_string()));
            }
            Err(_) => self.read_some(buffer)?,
            Ok(read) => read,
        };
        self.at = self.at.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        if read == 0 && !buffer.is_empty() && std::mem::take(&mut self.read_back) {
            let counts = self.disk.read_back();
            let count = if self.direct { &counts.direct } else { &counts.asked };
            count.fetch_add(1, Ordering::Relaxed);
        }
        Ok(read)
    }
}

/// Opens a file so that it is read past the system's memory; `false` where the system can only be asked to forget it.
pub(super) fn past_memory(path: &Path) -> io::Result<(File, bool)> {
    let direct = i32::try_from(OFlags::DIRECT.bits()).unwrap_or_default();
    if let Ok(file) = OpenOptions::new().read(true).custom_flags(direct).open(path) {
        return Ok((file, true));
    }
    let file = File::open(path)?;
    forget(&file);
    Ok((file, false))
}

/// Asks the system to forget what it holds of a file in memory.
fn forget(file: &File) {
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed); // a hint: some systems take none
}

fn again(path: &Path) -> DurableError {
    let source = io::Error::other("an earlier write to this file failed");
    DurableError::Io { op: Op::Write, path: path.to_owned(), source }
}

/// Bytes of a file after which free space is asked for again: seldom enough to cost nothing, and a fraction of any reserve.
const ASK_EVERY: u64 = 1 << 20;
