//! Content as the characters that it spells: what says that it may be read otherwise, and a search of it as a reader sees it.
//!
//! Implements `docs/spec/keywords.md`, "Texts that may be read otherwise" and "Loose text".

use scope::facts::Layer;

use crate::decoded::Decoded;
use crate::keywords::{Found, Search, Searchers};
use crate::loose::Loose;
use crate::magic;
use crate::plain::Plain;

/// What reading a text showed.
#[derive(Debug)]
pub(crate) struct Read {
    /// How it may be read.
    pub(crate) plain: Plain,
    /// What was found in it loosely: as it is written, with characters in place of escapes, and in rows of Base64.
    pub(crate) loose: [Found; 3],
}

/// A text that is being read, in pieces of any size.
#[derive(Debug)]
pub(crate) struct Reading<'s> {
    form: Form,
    plain: Plain,
    loose: Loose,
    search: Search<'s>,
    decoded: Decoded<'s>,
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
    /// Begins a text of the type `name`, whose first bytes are `head`.
    pub(crate) fn new(searchers: &'s Searchers, name: &str, head: &[u8]) -> Self {
        let form = match (name, head) {
            ("text-utf-16", [0xff, ..]) => Form::Little,
            ("text-utf-16", _) => Form::Big,
            _ => Form::Narrow,
        };
        let (plain, loose) = (Plain::new(name), Loose::default());
        let (search, decoded) = (searchers.loose.start(), Decoded::new(&searchers.long));
        Self { form, plain, loose, search, decoded, carry: Vec::new(), high: None }
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
        let text = self.loose.drain();
        self.search.feed(text.as_bytes());
        self.decoded.feed(&text);
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
        let [escapes, base64] = self.decoded.finish();
        Read { plain: self.plain, loose: [self.search.finish(), escapes, base64] }
    }
}

/// Content of which the type is not known before its head is read. Only what is text is read.
#[derive(Debug)]
pub(crate) struct Begin<'s> {
    searchers: &'s Searchers,
    state: State<'s>,
}

#[derive(Debug)]
enum State<'s> {
    Head,
    Text(Box<Reading<'s>>),
    Other,
}

impl<'s> Begin<'s> {
    /// Begins with nothing.
    pub(crate) fn new(searchers: &'s Searchers) -> Self {
        Self { searchers, state: State::Head }
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
            let mut reading = Reading::new(self.searchers, &name, head);
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
    use std::sync::LazyLock;

    use scope::policy::KeywordList;

    use super::*;

    /// Building these takes longer than all that is read here.
    static SEARCHERS: LazyLock<Searchers> = LazyLock::new(|| {
        let terms = ["kickback", "account 4711", "東京都", "x\u{1f600}y", "kic"].map(str::to_owned);
        Searchers::new(&[KeywordList { id: "k", terms: &terms }]).unwrap()
    });

    fn read(name: &str, content: &[u8]) -> (bool, bool, Vec<u64>) {
        let searchers = &*SEARCHERS;
        let mut last = None;
        for size in [1, 2, 3, 5, content.len().max(1)] {
            let mut reading = Reading::new(searchers, name, content);
            content.chunks(size).for_each(|piece| reading.feed(piece));
            let read = reading.finish();
            let hits = read.loose[0].lists[0].1.iter().map(|hit| hit.term).filter(|term| *term < 4).collect();
            let found = (read.plain.is_coded(), read.plain.is_page(), hits);
            assert!(last.as_ref().is_none_or(|last| *last == found), "{name} {}", content.escape_ascii());
            last = Some(found);
        }
        last.unwrap()
    }

    /// What is found in a text decoded, not as it is written.
    fn decoded(content: &str) -> Vec<u64> {
        let searchers = &*SEARCHERS;
        let mut last = None;
        for size in [1, 2, 3, 7, 1000, content.len().max(1)] {
            let mut reading = Reading::new(searchers, "text", &[]);
            content.as_bytes().chunks(size).for_each(|piece| reading.feed(piece));
            let [written, rest @ ..] = reading.finish().loose;
            let of = |found: &Found| found.lists[0].1.iter().map(|hit| hit.term).collect::<Vec<u64>>();
            let mut hits: Vec<u64> = rest.iter().flat_map(of).collect();
            hits.retain(|term| !of(&written).contains(term));
            hits.sort_unstable();
            hits.dedup();
            assert!(last.as_ref().is_none_or(|last| *last == hits), "{size}: {content}");
            last = Some(hits);
        }
        last.unwrap()
    }

    #[test]
    fn what_is_written_in_another_way_is_found_in_that_way() {
        for (text, terms) in [
            ("x kick\\u0062ack", vec![0]),
            ("kick\\u{62}ack", vec![0]),
            ("kick\\x62\\x61ck", vec![0]),
            ("kick\\'62ack", vec![0]),
            ("https://x.org/?q=account%204711&kick=62ack", vec![0, 1]),
            ("%E6%9D%B1%E4%BA%AC%E9%83%BD", vec![2]),
            ("+AGs-ickback", vec![0]),
            ("kick+AGI-ack +AGs-+AGk-", vec![0]),
            ("+Z3FOrJD9-", vec![2]),
            ("kick{}back kick\\-back", vec![0]),
            ("a2lja2JhY2s=", vec![0]),
            ("(a2lja2JhY2s)", vec![0]),
            ("x:dGhlIGtpY2tiYWNrIGZvciBhY2NvdW50IDQ3MTE", vec![0, 1]),
            ("5p2x5Lqs6YO9", vec![2]),
            // A term of three characters is met by chance.
            ("kic\\u006b a2lj", vec![]),
            ("kick\\u00ZZack kick%6 kick=ack kick+back {} \\", vec![]),
            ("kickbacks are words, and so is +kick-back=", vec![]),
        ] {
            assert_eq!(decoded(text), terms, "{text}");
        }
        // A row that goes on in the next line, of which only both together have the term.
        let first = "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHhraWNr";
        assert_eq!(first.len(), 72);
        assert_eq!(decoded(&format!("{first}\nYmFjaw==\n")), [0]);
        assert!(decoded(&format!("{first}\n\nx\nYmFjaw==\n")).is_empty());
        // However far the escape is, and however long the text around it.
        let far = "far away ".repeat(9_000);
        assert_eq!(decoded(&format!("{far}account\\u{{20}}4711 {far}kick%62ack{far}")), [0, 1]);
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
