//! Opening age files: nothing is released before the last chunk verifies.
//!
//! ```text
//! age-encryption.org/v1
//! -> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc
//! hjabGXwSLQ9c3S6Lw2i+S2Tu2fiwQHHslbBN6B41FLE
//! --- WyJp9F/9FOZh7gJdheq2WIJcwHgYc8NIVh3ddwhrcNg
//! ```
//!
//! The header is read here first, bounded and by the letter of the specification (C2SP age); the `age` crate, which reads
//! headers of any length and forgives an old encoding, then sees only what passed. A package holds binary files to
//! keys: armour and passphrases are refused.

use std::io::{self, Chain, Cursor, Read, Seek, SeekFrom};

use age::{DecryptError, Decryptor, stream::StreamReader};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Plaintext as it is decrypted. The end has been verified only when a read has returned 0.
pub type Opening<R> = StreamReader<Chain<Cursor<Vec<u8>>, R>>;

/// The header of an age file: to how many it is encrypted. age names no one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Header {
    /// All recipient stanzas. An honest file has one more than recipients: age adds an empty one of a random kind.
    pub stanzas: usize,
    /// Stanzas of kind `X25519`: the keys that can open the file.
    pub x25519: usize,
    bytes: Vec<u8>,
}

/// Why an age file was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Armoured: base64 with lines around it.
    #[error("the age file is armoured; packages hold binary ones")]
    Armoured,
    /// Encrypted to a passphrase.
    #[error("the age file is encrypted to a passphrase; packages hold files encrypted to keys")]
    Passphrase,
    /// Not an age header by the letter.
    #[error("not an age header: {0}")]
    Header(&'static str),
    /// None of the keys fits.
    #[error("none of the keys opens this file")]
    NoMatch,
    /// A key fits, and the header has been altered.
    #[error("the age header has been altered")]
    Mac,
    /// The encrypted content has been altered, shortened or lengthened.
    #[error("the encrypted content has been altered or cut short")]
    Payload(#[source] io::Error),
    /// The file cannot be read.
    #[error("cannot read the age file")]
    Io(#[source] io::Error),
}

/// Why a text holds no identity.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// A line that is no key. The line is not repeated here: it may be a secret with a typing error.
    #[error("line {0} is neither a comment nor a key `AGE-SECRET-KEY-1...`")]
    Line(usize),
    /// No key at all.
    #[error("there is no key in it")]
    Empty,
}

/// Opens an age file for reading in one pass.
///
/// Each chunk is verified before it is given, but only the end shows that there is no more: hold what you read until
/// a read has returned 0, or use [`verify_then_read`]. An error of a read means altered, shortened or unreadable.
///
/// # Errors
///
/// [`OpenError`], never [`OpenError::Payload`].
pub fn open_age<R: Read>(
    mut reader: R,
    identities: &[Box<dyn age::Identity>],
) -> Result<Opening<R>, OpenError> {
    let header = Header::read(&mut reader)?;
    decrypt(Cursor::new(header.bytes).chain(reader), identities)
}

/// Decrypts a whole file to its verified end, keeping nothing, and then gives it from its beginning.
///
/// # Errors
///
/// [`OpenError`]; [`OpenError::Payload`] if any chunk, or the end, does not verify.
pub fn verify_then_read<R: Read + Seek>(
    mut reader: R,
    identities: &[Box<dyn age::Identity>],
) -> Result<StreamReader<R>, OpenError> {
    reader.seek(SeekFrom::Start(0)).map_err(OpenError::Io)?;
    Header::read(&mut reader)?;
    reader.seek(SeekFrom::Start(0)).map_err(OpenError::Io)?;
    let mut opening = decrypt(reader, identities)?;
    io::copy(&mut opening, &mut io::sink()).map_err(OpenError::Payload)?;
    opening.seek(SeekFrom::Start(0)).map_err(OpenError::Payload)?;
    Ok(opening)
}

/// Reads identities from a text as `age-keygen` writes it: keys, comments with `#`, empty lines.
///
/// # Errors
///
/// [`IdentityError`] with the line, whose content is not repeated.
pub fn parse_identities(text: &str) -> Result<Vec<Box<dyn age::Identity>>, IdentityError> {
    Ok(keys(text)?.into_iter().map(|key| Box::new(key) as Box<dyn age::Identity>).collect())
}

/// The recipients (`age1...`) of the identities in a text, in their order: for whom a set must be encrypted that
/// these keys are to open.
///
/// # Errors
///
/// As [`parse_identities`].
pub fn recipients_of(text: &str) -> Result<Vec<String>, IdentityError> {
    Ok(keys(text)?.into_iter().map(|key| key.to_public().to_string()).collect())
}

fn keys(text: &str) -> Result<Vec<age::x25519::Identity>, IdentityError> {
    let mut keys = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        keys.push(line.parse().map_err(|_| IdentityError::Line(number))?);
    }
    if keys.is_empty() { Err(IdentityError::Empty) } else { Ok(keys) }
}

fn decrypt<R: Read>(reader: R, identities: &[Box<dyn age::Identity>]) -> Result<StreamReader<R>, OpenError> {
    let opened = Decryptor::new(reader).and_then(|d| d.decrypt(identities.iter().map(AsRef::as_ref)));
    opened.map_err(|error| match error {
        DecryptError::NoMatchingKeys => OpenError::NoMatch,
        DecryptError::InvalidMac => OpenError::Mac,
        DecryptError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            OpenError::Header("it ends before the content begins")
        }
        DecryptError::Io(error) => OpenError::Io(error),
        _ => OpenError::Header("a stanza for one of the keys is malformed"),
    })
}

impl Header {
    /// Reads a header from the beginning of a file, and not one byte more.
    ///
    /// # Errors
    ///
    /// [`OpenError::Header`], [`OpenError::Armoured`], [`OpenError::Passphrase`] or [`OpenError::Io`].
    pub fn read(reader: &mut impl Read) -> Result<Self, OpenError> {
        let mut header = Self { stanzas: 0, x25519: 0, bytes: Vec::new() };
        match header.line(reader)?.as_slice() {
            b"age-encryption.org/v1" => {}
            line if line.starts_with(b"-----BEGIN") => return Err(OpenError::Armoured),
            _ => return Err(OpenError::Header("the first line is not `age-encryption.org/v1`")),
        }
        loop {
            let line = header.line(reader)?;
            if let Some(stanza) = line.strip_prefix(b"-> ") {
                header.stanza(stanza, reader)?;
            } else if let Some(mac) = line.strip_prefix(b"--- ") {
                let whole = STANDARD_NO_PAD.decode(mac).is_ok_and(|mac| mac.len() == 32);
                return match (whole, header.stanzas) {
                    (false, _) => Err(OpenError::Header("the last line is not `---` and 32 bytes in base64")),
                    (true, 0) => Err(OpenError::Header("it has no recipient stanza")),
                    (true, _) => Ok(header),
                };
            } else {
                return Err(OpenError::Header("a line begins neither with `-> ` nor with `--- `"));
            }
        }
    }

    /// One stanza: kind and arguments, then base64 of 64 columns that ends in a shorter line.
    fn stanza(&mut self, line: &[u8], reader: &mut impl Read) -> Result<(), OpenError> {
        let plain = |word: &[u8]| !word.is_empty() && word.iter().all(u8::is_ascii_graphic);
        let mut words = line.split(|c| *c == b' ');
        if !words.clone().all(plain) {
            return Err(OpenError::Header("a stanza's arguments are not single words"));
        }
        self.stanzas = self.stanzas.saturating_add(1);
        match words.next() {
            Some(b"X25519") => self.x25519 = self.x25519.saturating_add(1),
            Some(b"scrypt") => return Err(OpenError::Passphrase),
            _ => {}
        }
        loop {
            let line = self.line(reader)?;
            if line.len() > COLUMNS || STANDARD_NO_PAD.decode(&line).is_err() {
                return Err(OpenError::Header("a stanza's body is not base64 in lines of 64"));
            }
            if line.len() < COLUMNS {
                return Ok(());
            }
        }
    }

    /// The next line, without its LF.
    fn line(&mut self, reader: &mut impl Read) -> Result<Vec<u8>, OpenError> {
        let start = self.bytes.len();
        loop {
            // One byte at a time: the reader must stand exactly where the content begins.
            let mut byte = [0];
            reader.read_exact(&mut byte).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => OpenError::Header("it ends early"),
                _ => OpenError::Io(error),
            })?;
            self.bytes.extend(byte);
            if byte == *b"\n" {
                let line = self.bytes.get(start..).and_then(|line| line.strip_suffix(b"\n"));
                return Ok(line.unwrap_or_default().to_vec());
            }
            if self.bytes.len() >= MAX_HEADER {
                return Err(OpenError::Header("it is longer than any we know"));
            }
        }
    }
}

/// Columns of a stanza's body.
const COLUMNS: usize = 64;

/// Longest header we read: 600 recipients. The `age` crate parses again for each line, so this bounds time as well.
const MAX_HEADER: usize = 64 << 10;
