//! The files of a package, wherever they lie: a folder, or a browser's memory.
//!
//! ```text
//! bagit.txt
//! data/captured-0001.zip.age
//! custody/000000/event.json
//! ```
//!
//! The verifier asks for names and bytes through [`Files`] and knows nothing else about where they are kept.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Seek};
use std::sync::Arc;

use scope::{Digest, ListBytes};
use sha2::{Digest as _, Sha256};

/// Bytes that can be read twice.
pub trait ReadSeek: Read + Seek {}

impl<T: Read + Seek> ReadSeek for T {}

/// The files of one package.
pub trait Files {
    /// The names of all regular files, `/`-separated, relative to the package, in bytewise order.
    ///
    /// # Errors
    ///
    /// What the storage reports; a listing that is not complete is an error, never a shorter list.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Opens the file of that name at its first byte.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] for a name that [`Files::names`] does not give; else what the storage reports.
    fn open(&self, name: &str) -> io::Result<Box<dyn ReadSeek>>;

    /// Opens the file of that name to be read by place, from several threads.
    ///
    /// A storage that can, leaves it where it is; this reads it into memory, which is right for a browser.
    ///
    /// # Errors
    ///
    /// As [`Files::open`].
    fn by_place(&self, name: &str) -> io::Result<Arc<dyn ListBytes>> {
        let mut bytes = Vec::new();
        self.open(name)?.read_to_end(&mut bytes)?;
        Ok(Arc::new(bytes))
    }

    /// What lies in the package and is not a regular file with a name in UTF-8: links, devices, pipes, strange names.
    ///
    /// Each is one line for a person, already safe to print. An honest package has none.
    fn irregular(&self) -> Vec<String>;

    /// Digest and length of each of these files, in the order of their names.
    ///
    /// Storage that several threads can read at once answers faster than one file after the other, as this does.
    fn digests(&self, names: &[&str]) -> Vec<io::Result<(Digest, u64)>> {
        names.iter().map(|name| digest_of(&mut *self.open(name)?)).collect()
    }
}

/// Digest and length of what a reader gives, in constant memory.
///
/// # Errors
///
/// What the reader reports.
pub fn digest_of(reader: &mut (impl Read + ?Sized)) -> io::Result<(Digest, u64)> {
    let mut hash = Sha256::new();
    let mut length = 0_u64;
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = match reader.read(&mut chunk) {
            Ok(0) => return Ok((Digest(hash.finalize().into()), length)),
            Ok(read) => read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        hash.update(chunk.get(..read).unwrap_or_default());
        length = length.saturating_add(read as u64);
    }
}

/// Bytes read at a time: large enough to keep the hash busy, small enough for a browser.
const CHUNK: usize = 256 << 10;

/// Reads the whole file of that name, if it has at most `limit` bytes.
///
/// # Errors
///
/// What [`Files::open`] and reading report; [`io::ErrorKind::FileTooLarge`] for a file beyond the limit.
pub fn read(files: &dyn Files, name: &str, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    files.open(name)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {limit} bytes")));
    }
    Ok(bytes)
}

/// Files held in memory: for tests, and for a browser.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles {
    files: BTreeMap<String, Arc<[u8]>>,
    irregular: Vec<String>,
}

impl MemoryFiles {
    /// No files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a file in, in place of one of the same name.
    pub fn insert(&mut self, name: impl Into<String>, bytes: impl Into<Arc<[u8]>>) {
        self.files.insert(name.into(), bytes.into());
    }

    /// Takes a file out; its bytes, if it was there.
    pub fn remove(&mut self, name: &str) -> Option<Arc<[u8]>> {
        self.files.remove(name)
    }

    /// The bytes of a file.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(AsRef::as_ref)
    }

    /// Names something that is not a regular file, as a folder on a disk would.
    pub fn insert_irregular(&mut self, what: impl Into<String>) {
        self.irregular.push(what.into());
    }
}

impl<N: Into<String>, B: Into<Arc<[u8]>>> FromIterator<(N, B)> for MemoryFiles {
    fn from_iter<I: IntoIterator<Item = (N, B)>>(files: I) -> Self {
        Self { files: files.into_iter().map(|(n, b)| (n.into(), b.into())).collect(), irregular: Vec::new() }
    }
}

impl Files for MemoryFiles {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.files.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn ReadSeek>> {
        let bytes = self.files.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(Cursor::new(Arc::clone(bytes))))
    }

    fn irregular(&self) -> Vec<String> {
        self.irregular.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_gives_back_what_was_put_in() {
        let files: MemoryFiles =
            [("b/c.txt", b"two".to_vec()), ("a.txt", b"1".to_vec())].into_iter().collect();
        assert_eq!(files.names().unwrap(), ["a.txt", "b/c.txt"]);
        assert_eq!(read(&files, "b/c.txt", 3).unwrap(), b"two");
        assert_eq!(read(&files, "b/c.txt", 2).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read(&files, "c.txt", 9).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
