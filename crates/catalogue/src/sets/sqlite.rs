//! One table of an SQLite database, row by row.
//!
//! Implements what <https://www.sqlite.org/fileformat2.html> says of tables with a row id. The database is read once, from
//! its first page on, in the order of the tree; nothing of it is trusted: every length is looked up, and no page is
//! visited more often than there are pages.
//!
//! ```text
//! page 1      header, and the tree of `sqlite_schema`: name, root page and CREATE statement of each table
//! interior    cells of (child page, row id), and one child more
//! leaf        cells of (length, row id, record); what is too long goes on in a chain of pages
//! ```

use std::io;

use scope::ListBytes;

/// Why a database is not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqliteError {
    /// The storage.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is something else, or of a kind that is not read.
    #[error("{0}")]
    Unsupported(String),
    /// It contradicts itself.
    #[error("page {page}: {what}; the database is damaged")]
    Damaged {
        /// The page, from 1.
        page: u32,
        /// What is wrong there.
        what: &'static str,
    },
}

/// A database.
pub(crate) struct Database<'b> {
    bytes: &'b dyn ListBytes,
    page_size: usize,
    /// Bytes of a page that are not an extension's.
    usable: usize,
    pages: u32,
}

/// Takes a row.
pub(crate) type TakeRow<'t> = dyn FnMut(&[Value]) -> Result<(), SqliteError> + 't;

/// A value of a row.
#[derive(Debug)]
pub(crate) enum Value {
    Null,
    Number(i64),
    Text(Vec<u8>),
    Other,
}

impl<'b> Database<'b> {
    pub(crate) fn open(bytes: &'b dyn ListBytes) -> Result<Self, SqliteError> {
        let unsupported = |what: &str| Err(SqliteError::Unsupported(what.to_owned()));
        let mut header = [0; 100];
        if bytes.length() < 512 {
            return unsupported("it is shorter than an SQLite database");
        }
        bytes.read_at(0, &mut header)?;
        let at = |at: usize| usize::from(header.get(at).copied().unwrap_or(0));
        if !header.starts_with(b"SQLite format 3\0") {
            return unsupported("it does not begin as an SQLite database does");
        }
        let page_size = match at(16) << 8 | at(17) {
            1 => 65_536,
            size if size.is_power_of_two() && size >= 512 => size,
            size => return unsupported(&format!("pages of {size} bytes")),
        };
        if at(19) > 2 {
            return unsupported("a version of the format that is not known");
        }
        match header.get(56..60) {
            Some([0, 0, 0, 1]) => {}
            _ => return unsupported("its texts are not in UTF-8"),
        }
        let usable = page_size.saturating_sub(at(20));
        if usable < 480 {
            return unsupported("pages with too little room");
        }
        if !bytes.length().is_multiple_of(page_size as u64) {
            return unsupported("its length is no number of whole pages: it was cut, or is being written");
        }
        let pages = u32::try_from(bytes.length().checked_div(page_size as u64).unwrap_or(0));
        let pages = pages.map_err(|_| SqliteError::Unsupported("it has too many pages".to_owned()))?;
        Ok(Self { bytes, page_size, usable, pages })
    }

    /// Root page and CREATE statement of a table, by name without case.
    pub(crate) fn table(&self, name: &str) -> Result<Option<(u32, String)>, SqliteError> {
        let mut found = None;
        self.rows(1, 5, &mut |row| {
            if let [Value::Text(kind), Value::Text(own), _, Value::Number(root), Value::Text(sql)] = row
                && kind == b"table"
                && own.eq_ignore_ascii_case(name.as_bytes())
            {
                let root = u32::try_from(*root).unwrap_or(0);
                found.get_or_insert((root, String::from_utf8_lossy(sql).into_owned()));
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// All rows of the tree from `root`, each with its first `columns` values.
    pub(crate) fn rows(&self, root: u32, columns: usize, take: &mut TakeRow<'_>) -> Result<(), SqliteError> {
        let mut visited = 0_u32;
        // INVARIANT: the pages that wait, the next one last; at most one page's cells for each depth.
        let mut waiting = vec![(root, 0_usize)];
        while let Some((number, depth)) = waiting.pop() {
            visited = visited.saturating_add(1);
            let damaged = |what| SqliteError::Damaged { page: number, what };
            if visited > self.pages {
                return Err(damaged("the tree has more pages than the file"));
            }
            if depth > MAX_DEPTH {
                return Err(damaged("the tree is too deep"));
            }
            let page = self.page(number)?;
            let start = if number == 1 { 100 } else { 0 };
            let kind = page.get(start).copied();
            let (interior, head) = match kind {
                Some(0x05) => (true, 12),
                Some(0x0d) => (false, 8),
                _ => return Err(damaged("it is no page of a table with row ids")),
            };
            let cells = number16(&page, start.saturating_add(3)).ok_or(damaged("no number of cells"))?;
            let mut children = Vec::new();
            for cell in 0..cells {
                let place = start.saturating_add(head).saturating_add(cell.saturating_mul(2));
                let at = number16(&page, place).ok_or(damaged("a cell that is not there"))?;
                if interior {
                    children.push(number32(&page, at).ok_or(damaged("a child that is not there"))?);
                } else {
                    let record = self.record(number, &page, at)?;
                    take(&values(&record, columns).ok_or(damaged("a record that is none"))?)?;
                }
            }
            if interior {
                let last = number32(&page, start.saturating_add(8)).ok_or(damaged("no last child"))?;
                children.push(last);
                let below = depth.saturating_add(1);
                waiting.extend(children.into_iter().rev().map(|child| (child, below)));
            }
        }
        Ok(())
    }

    fn page(&self, number: u32) -> Result<Vec<u8>, SqliteError> {
        if number == 0 || number > self.pages {
            return Err(SqliteError::Damaged { page: number, what: "there is no such page" });
        }
        let mut page = vec![0; self.page_size];
        let offset = u64::from(number.saturating_sub(1)).saturating_mul(self.page_size as u64);
        self.bytes.read_at(offset, &mut page)?;
        page.truncate(self.usable);
        Ok(page)
    }

    /// The record of a leaf's cell, with what of it lies in other pages.
    fn record(&self, number: u32, page: &[u8], at: usize) -> Result<Vec<u8>, SqliteError> {
        let damaged = |what| SqliteError::Damaged { page: number, what };
        let cell = page.get(at..).ok_or(damaged("a cell outside the page"))?;
        let (length, rest) = varint(cell).ok_or(damaged("a cell without a length"))?;
        let (_, rest) = varint(rest).ok_or(damaged("a cell without a row id"))?;
        let length = usize::try_from(length).ok().filter(|length| *length <= MAX_RECORD);
        let length = length.ok_or(damaged("a record that is too long"))?;
        let most = self.usable.saturating_sub(35);
        if length <= most {
            return Ok(rest.get(..length).ok_or(damaged("a record outside the page"))?.to_vec());
        }
        let least = self
            .usable
            .saturating_sub(12)
            .saturating_mul(32)
            .checked_div(255)
            .unwrap_or(0)
            .saturating_sub(23);
        let chained = self.usable.saturating_sub(4);
        let left_over = length.saturating_sub(least).checked_rem(chained).unwrap_or(0);
        let kept = least.saturating_add(left_over);
        let local = if kept <= most { kept } else { least };
        let mut record = rest.get(..local).ok_or(damaged("a record outside the page"))?.to_vec();
        let mut next = number32(rest, local).ok_or(damaged("no page that it goes on in"))?;
        while record.len() < length {
            // Each page of the chain adds something, so the chain ends, whatever it is.
            let page = self.page(next)?;
            next = number32(&page, 0).unwrap_or(0);
            let body = page.get(4..).unwrap_or_default();
            let wanted = length.saturating_sub(record.len()).min(body.len());
            record.extend_from_slice(body.get(..wanted).unwrap_or_default());
        }
        Ok(record)
    }
}

/// The first values of a record.
fn values(record: &[u8], columns: usize) -> Option<Vec<Value>> {
    let (head, rest) = varint(record)?;
    let head_length = usize::try_from(head).ok()?;
    let mut types = record.get(record.len().checked_sub(rest.len())?..head_length)?;
    let mut body = record.get(head_length..)?;
    let mut values = Vec::new();
    while values.len() < columns && !types.is_empty() {
        let (kind, rest) = varint(types)?;
        types = rest;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => usize::try_from(kind).ok()?,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            kind => usize::try_from((kind.checked_sub(12)?) >> 1).ok()?,
        };
        let (own, rest) = body.split_at_checked(length)?;
        body = rest;
        values.push(match kind {
            0 => Value::Null,
            1..=6 => {
                let sign = own.first().map_or(0, |first| if first >> 7 == 1 { -1 } else { 0 });
                Value::Number(own.iter().fold(sign, |sum: i64, byte| sum << 8 | i64::from(*byte)))
            }
            8 => Value::Number(0),
            9 => Value::Number(1),
            kind if kind >= 13 && kind & 1 == 1 => Value::Text(own.to_vec()),
            _ => Value::Other,
        });
    }
    Some(values)
}

/// A number of one to nine bytes, and what follows it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for at in 0..9_usize {
        let byte = *bytes.get(at)?;
        if at == 8 {
            return Some((value << 8 | u64::from(byte), bytes.get(9..)?));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(at.checked_add(1)?..)?));
        }
    }
    None
}

fn number16(bytes: &[u8], at: usize) -> Option<usize> {
    let pair = bytes.get(at..)?.first_chunk::<2>()?;
    Some(usize::from(u16::from_be_bytes(*pair)))
}

fn number32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk::<4>()?))
}

/// Deepest tree: with two children to each page, more pages than can be numbered.
const MAX_DEPTH: usize = 32;

/// Longest record: the names in a record of NSRL are paths.
const MAX_RECORD: usize = 64 << 10;
