//! Content as the characters that it spells: what says that it may be read otherwise, and a search of it as a reader sees it.
//!
//! Implements `docs/spec/keywords.md`, "Texts that may be read otherwise" and "Loose text".

use scope::facts::Layer;

use crate::keywords::{Found, Search, Searcher};
use crate::loose::Loose;
use crate::magic;
use crate::plain::Plain;

/// What reading a text showed.
#[derive(Debug)]
pub(crate) struct Read {
    /// How it may be read.
    pub(crate) plain: Plain,
    /// What was found in it loosely.
    pub(crate) loose: Found,
}

/// A text that is being read, in pieces of any size.
#[derive(Debug)]
pub(crate) struct Reading<'s> {
    form: Form,
    plain: Plain,
    loose: Loose,
    search: Search<'s>,
    /// Bytes of a character that is not whole yet.
    carry: Vec<u8>,
    /// A high surrogate that waits for its low one.
    high: Option<u16>,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Narrow,
    Little,
    Big,
}

impl<'s> Reading<'s> {
    /// Begins a text of the type `name`, whose first bytes are `head`. `searcher` has the terms loosely.
    pub(crate) fn new(searcher: &'s Searcher, name: &str, head: &[u8]) -> Self {
        let form = match (name, head) {
            ("text-utf-16", [0xff, ..]) => Form::Little,
            ("text-utf-16", _) => Form::Big,
            _ => Form::Narrow,
        };
        let (plain, loose) = (Plain::new(name), Loose::default());
        Self { form, plain, loose, search: searcher.start(), carry: Vec::new(), high: None }
    }

    /// Reads the next bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let mut carry = std::mem::take(&mut self.carry);
        let bytes = if carry.is_empty() {
            bytes
        } else {
            carry.extend_from_slice(bytes);
            &carry
        };
        match self.form {
            Form::Narrow => self.narrow(bytes),
            Form::Little => self.wide(bytes, u16::from_le_bytes),
            Form::Big => self.wide(bytes, u16::from_be_bytes),
        }
        self.search.feed(self.loose.drain().as_bytes());
    }

    fn narrow(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        for chunk in bytes.utf8_chunks() {
            chunk.valid().chars().for_each(|letter| self.take(letter));
            let length = chunk.valid().len().saturating_add(chunk.invalid().len());
            rest = rest.get(length..).unwrap_or_default();
            if rest.is_empty() {
                self.carry = chunk.invalid().to_vec(); // it may go on in the next piece
            } else if !chunk.invalid().is_empty() {
                self.take(char::REPLACEMENT_CHARACTER);
            }
        }
    }

    fn wide(&mut self, bytes: &[u8], read: fn([u8; 2]) -> u16) {
        let (units, rest) = bytes.as_chunks::<2>();
        self.carry = rest.to_vec();
        for unit in units.iter().map(|unit| read(*unit)) {
            match (self.high.take(), unit) {
                (Some(high), 0xdc00..0xe000) => {
                    let pair = char::decode_utf16([high, unit]).next().and_then(Result::ok);
                    self.take(pair.unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                (_, 0xd800..0xdc00) => self.high = Some(unit),
                _ => self.take(char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER)),
            }
        }
    }

    fn take(&mut self, letter: char) {
        self.plain.take(letter);
        self.loose.take(letter);
    }

    /// Ends the text.
    pub(crate) fn finish(mut self) -> Read {
        self.plain.finish();
        Read { plain: self.plain, loose: self.search.finish() }
    }
}

/// Content of which the type is not known before its head is read. Only what is text is read.
#[derive(Debug)]
pub(crate) struct Begin<'s> {
    searcher: &'s Searcher,
    state: State<'s>,
}

#[derive(Debug)]
enum State<'s> {
    Head,
    Text(Box<Reading<'s>>),
    Other,
}

impl<'s> Begin<'s> {
    /// `searcher` has the terms loosely.
    pub(crate) fn new(searcher: &'s Searcher) -> Self {
        Self { searcher, state: State::Head }
    }

    /// Reads the bytes `rest` behind those of `head`, which are the first of all.
    pub(crate) fn feed(&mut self, head: &[u8], rest: &[u8]) {
        if head.len() >= magic::HEAD {
            self.begin(head);
        }
        if let State::Text(reading) = &mut self.state {
            reading.feed(rest);
        }
    }

    fn begin(&mut self, head: &[u8]) {
        if !matches!(self.state, State::Head) {
            return;
        }
        let name = magic::detect(head).name;
        self.state = State::Other;
        if scope::magic::layer(&name) == Layer::Full {
            let mut reading = Reading::new(self.searcher, &name, head);
            reading.feed(head);
            self.state = State::Text(Box::new(reading));
        }
    }

    /// Ends the content; `None` where it is no text.
    pub(crate) fn finish(mut self, head: &[u8]) -> Option<Read> {
        self.begin(head);
        match self.state {
            State::Text(reading) => Some(reading.finish()),
            State::Head | State::Other => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use scope::policy::KeywordList;

    use super::*;

    fn read(name: &str, content: &[u8]) -> (bool, bool, Vec<u64>) {
        let terms = ["kickback", "account 4711", "東京都", "x\u{1f600}y"].map(str::to_owned);
        let searcher = Searcher::loose(&[KeywordList { id: "k", terms: &terms }]).unwrap();
        let mut last = None;
        for size in [1, 2, 3, 5, content.len().max(1)] {
            let mut reading = Reading::new(&searcher, name, content);
            content.chunks(size).for_each(|piece| reading.feed(piece));
            let read = reading.finish();
            let hits = read.loose.lists[0].1.iter().map(|hit| hit.term).collect();
            let found = (read.plain.is_coded(), read.plain.is_page(), hits);
            assert!(last.as_ref().is_none_or(|last| *last == found), "{name} {}", content.escape_ascii());
            last = Some(found);
        }
        last.unwrap()
    }

    #[test]
    fn usual_texts_are_plain() {
        let key =
            "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7Vq9l0m2Qd0xYb1Zk3s8Wv5rT4uP6nE7aJ9cK1hL2oG3iF4 x@y";
        for text in [
            "",
            "The quick brown fox.\r\n\r\nDate: today\r\nNo mail.\n",
            "2026-01-01T00:00:00Z host sshd[1]: Accepted publickey for <bob@x.org> from 10.0.0.1 & more\n",
            "#include <stdio.h>\nstd::vector<int> a; if (a < b && c > d) x = \"<T>\";\n",
            "[section]\nkey=\n======================================================================\n",
            "name;amount\nMüller;3,50 €\n",
            "\u{1b}[31mred\u{1b}[0m and plain\n",
            "https://x.org/?a=1&b=2&copy=3\n",
            "begin 12 and end\nFrom now on: all.\n\nTo: everybody\n",
            key,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n\
             e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n",
        ] {
            let (coded, page, _) = read("text", text.as_bytes());
            assert!(!coded && !page, "{text}");
        }
        assert!(!read("json", br#"{"path":"C:\\users\\u0062","a":"b\n"}"#).0);
    }

    #[test]
    fn what_is_written_in_another_form_is_coded() {
        let row = "VGhlIGtpY2tiYWNrIGZvciBhY2NvdW50IDQ3MTEgd2FzIHBhaWQgb24gTW9uZGF5IGlu";
        for text in [
            "\u{1b}$BElKCE4\u{1b}(B",
            "~{6+~}",
            "<meta charset=UTF-7>",
            "x\0y",
            "k\u{8}kick",
            "\u{202e}kcabkcik",
            "X: y\nFrom: a@x.org\nTo: b@x.org\n\nbody",
            "MIME-Version: 1.0\n\nbody",
            "x\ncontent-transfer-encoding: base64\n",
            "BEGIN:VCARD\nNOTE:x\n",
            "dn: cn=x\ndescription:: a2lja2JhY2s=\n",
            "begin 644 x\n",
            "%!PS-Adobe\n",
            &format!("{row}\n{row}\nVGhl\n"),
            &format!("{row}\r\n{row}\r\n"),
            "a line that was written in quoted-printable and goes on with the next one=\nkick",
            "\u{1b}",
        ] {
            assert!(read("text", text.as_bytes()).0, "{text}");
        }
        assert!(read("json", br#"{"a":"kick\u0062ack"}"#).0);
        assert!(!read("text", br#"{"a":"kick\u0062ack"}"#).0, "as it is written");
    }

    #[test]
    fn what_a_browser_would_show_otherwise_is_a_page() {
        for text in [
            "kick<b>back</b>",
            "x </P\n>",
            "<!-- saved -->",
            "<!doctype html>",
            "kick&#98;ack",
            "kick&#x62ack",
            "&#xad;",
            "x &amp; y",
            "kick<x-y>back",
            "<br",
            "<br/>",
        ] {
            assert!(read("text", text.as_bytes()).1, "{text}");
        }
        let wide: Vec<u8> = "\u{feff}kick<b>back".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(read("text-utf-16", &wide).1);
    }

    #[test]
    fn terms_are_found_as_a_reader_sees_them() {
        for (text, terms) in [
            ("kick\u{ad}back", vec![0]),
            ("kick\u{200b}back account\u{a0}4711", vec![0, 1]),
            ("account\r\n\t 4711", vec![1]),
            ("\u{ff4b}\u{ff49}ckback", vec![0]),
            ("kick\u{1b}[1;31mback", vec![0]),
            ("東\u{fe00}京都 x\u{1f600}y", vec![2, 3]),
            ("kick back", vec![]),
        ] {
            assert_eq!(read("text", text.as_bytes()).2, terms, "{text}");
            for (mark, bytes) in [(0_usize, u16::to_le_bytes as fn(u16) -> [u8; 2]), (1, u16::to_be_bytes)] {
                let wide: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(bytes).collect();
                assert_eq!(read("text-utf-16", &wide).2, terms, "{text} {mark}");
            }
        }
    }
}
