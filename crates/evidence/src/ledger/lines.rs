//! Lines of a stream, each of bounded length.

use std::io::{self, BufRead, BufReader, Read};

/// The lines of a stream, one by one.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    source: BufReader<R>,
    limit: usize,
    number: u64,
}

/// Why a stream has no further line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// The stream cannot be read.
    #[error("line {line}: {source}")]
    Read {
        /// Which line, from 1.
        line: u64,
        /// Why.
        source: io::Error,
    },
    /// A line is longer than its format allows.
    #[error("line {line} is longer than {limit} bytes")]
    TooLong {
        /// Which line, from 1.
        line: u64,
        /// The limit in bytes.
        limit: usize,
    },
    /// The stream does not end with a line feed.
    #[error("line {line} does not end with a line feed: the file was cut")]
    Cut {
        /// Which line, from 1.
        line: u64,
    },
}

impl<R: Read> Lines<R> {
    /// The lines of `source`, each of at most `limit` bytes with its LF.
    pub(crate) fn new(source: R, limit: usize) -> Self {
        Self { source: BufReader::with_capacity(BUFFER, source), limit, number: 0 }
    }

    /// The next line with its LF; `None` at the end.
    pub(crate) fn next_line(&mut self) -> Result<Option<Vec<u8>>, LineError> {
        let line = self.number.saturating_add(1);
        let mut bytes = Vec::new();
        let most = u64::try_from(self.limit).unwrap_or(u64::MAX).saturating_add(1);
        self.source
            .by_ref()
            .take(most)
            .read_until(b'\n', &mut bytes)
            .map_err(|source| LineError::Read { line, source })?;
        if bytes.is_empty() {
            return Ok(None);
        }
        if bytes.len() > self.limit {
            return Err(LineError::TooLong { line, limit: self.limit });
        }
        if bytes.last() != Some(&b'\n') {
            return Err(LineError::Cut { line });
        }
        self.number = line;
        Ok(Some(bytes))
    }

    /// The number of the line given last, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }
}

/// Bytes read at once: the chunk size of age.
const BUFFER: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: &str) {
        let mut lines = Lines::new(input.as_bytes(), 4);
        let mut found = String::new();
        loop {
            match lines.next_line() {
                Ok(Some(line)) => found += &format!("{:?} ", String::from_utf8(line).unwrap()),
                Ok(None) => break found += "end",
                Err(error) => break found += &error.to_string(),
            }
        }
        assert_eq!(found, expected);
    }

    #[test]
    fn lines_are_whole_and_bounded() {
        check("", "end");
        check("abc\n\nx\n", r#""abc\n" "\n" "x\n" end"#);
        check("a\nabcd\n", r#""a\n" line 2 is longer than 4 bytes"#);
        check("a\nabc", r#""a\n" line 2 does not end with a line feed: the file was cut"#);
    }
}
