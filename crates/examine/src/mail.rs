//! The look *content* at mail: the messages of a file, compared with what the policy asks of them.
//!
//! Implements `docs/spec/mail.md`, "Which files are read". Where a medium is read
//! in a process of its own, that process takes messages apart; here its words
//! are counted.

use std::io;

use scope::facts::Layer;
use scope::mail::{MailFact, MailTally, MailTest};
use source::extract::{Form, MAX_MAIL_LINE, Told};
use source::{Entry, Source, SourceError, StreamFault};
use zeroize::Zeroizing;

use crate::examine::{cannot_open, of_archive};

/// How files of a type are looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    /// They are read as mail.
    Surely,
    /// They are read as mail, and may turn out to be none.
    Perhaps,
    /// The same, but if they do not begin as mail, they are looked through for signs of it at their beginning alone.
    Hardly,
    /// They may hold messages, and are not read.
    Unread,
}

/// How files of the type `name` of magic/1 are looked at.
fn way(name: &str) -> Way {
    match name {
        "eml" | "mbox" => Way::Surely,
        // First bytes that mean another type may be the name of a field.
        "text" | "text-8bit" | "php" | "unknown" => Way::Perhaps,
        "script" | "xml" | "html" | "json" | "text-utf-16" | "empty" => Way::Perhaps,
        "pdf" | "ooxml" | "odf" | "epub" | "jar" | "rtf" | "evtx" | "registry-hive" | "lnk" => Way::Hardly,
        _ if scope::magic::find(name).is_some_and(|info| info.layer == Layer::None) => Way::Hardly,
        _ => Way::Unread,
    }
}

/// Whether a file of the type `name` of magic/1 may hold messages that are not read, whatever is in it.
#[must_use]
pub fn may_hold_mail(name: &str) -> bool {
    way(name) == Way::Unread || name == scope::magic::UNKNOWN
}

/// The facts for each condition, and why not all could be read, if so.
pub(crate) fn look_at_mail(
    tests: &[(&str, &MailTest)],
    name: &str,
    entry: &Entry,
    source: &dyn Source,
) -> (Vec<MailFact>, Result<(), String>) {
    let mut tallies: Vec<MailTally<'_>> = tests.iter().map(|(id, test)| MailTally::new(id, test)).collect();
    let way = way(name);
    let (layer, read) = match way {
        Way::Unread => (Layer::Unread, Ok(())),
        Way::Surely | Way::Perhaps | Way::Hardly => {
            let mut heard = Heard { tallies: &mut tallies, line: Zeroizing::default(), next: 0, layer: None };
            let form = Form::Mail { surely: way == Way::Surely, bounded: way == Way::Hardly };
            let read = source.extract(entry, form, &mut |piece| heard.take(piece));
            match (read, heard.layer) {
                (Ok(()), Some(layer)) if heard.line.is_empty() => (layer, Ok(())),
                (Ok(()), _) => (Layer::Unread, Err("what was told of the messages has no end".to_owned())),
                (Err(error), _) => (Layer::Unread, Err(cannot_extract(&error))),
            }
        }
    };
    // Who is not known by type may be a store of mail.
    let layer = if layer == Layer::None && name == scope::magic::UNKNOWN { Layer::Unread } else { layer };
    (tallies.into_iter().map(|tally| tally.fact(layer)).collect(), read)
}

/// What was heard of the messages of a file.
struct Heard<'h, 't> {
    tallies: &'h mut [MailTally<'t>],
    line: Zeroizing<Vec<u8>>,
    /// Where the next message can begin.
    next: u64,
    layer: Option<Layer>,
}

impl Heard<'_, '_> {
    /// Takes in lines, in pieces of any size.
    fn take(&mut self, piece: &[u8]) -> io::Result<()> {
        let mut rest = piece;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            self.add(line)?;
            let told: Told = serde_json::from_slice(&self.line)?;
            self.line.clear();
            self.hear(told)?;
            rest = after.get(1..).unwrap_or_default();
        }
        self.add(rest)
    }

    fn add(&mut self, part: &[u8]) -> io::Result<()> {
        if self.line.len().saturating_add(part.len()) > MAX_MAIL_LINE {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.line.extend_from_slice(part);
        Ok(())
    }

    fn hear(&mut self, told: Told) -> io::Result<()> {
        match told {
            _ if self.layer.is_some() => Err(io::ErrorKind::InvalidData.into()),
            Told::Layer(layer) if layer != Layer::None || self.next == 0 => {
                self.layer = Some(layer);
                Ok(())
            }
            Told::Message(message) if message.at >= self.next && message.at < MAX_OFFSET => {
                self.next = message.at.saturating_add(1);
                self.tallies.iter_mut().for_each(|tally| tally.add(&message));
                Ok(())
            }
            Told::Message(_) | Told::Layer(_) => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

fn cannot_extract(error: &SourceError) -> String {
    match error {
        SourceError::Io(_, error) if error.kind() == io::ErrorKind::InvalidData => {
            "what was told of the messages makes no sense".to_owned()
        }
        SourceError::Io(_, error) if StreamFault::is_of_archive(error) => of_archive(),
        SourceError::Io(_, error) => format!("the messages could not be read: {}", error.kind()),
        error => cannot_open(error),
    }
}

/// Integers of records are below 2^53.
const MAX_OFFSET: u64 = 1 << 53;

#[cfg(test)]
mod tests {
    use super::*;

    /// What is made of lines that a process tells, in pieces of one byte and all at once.
    fn hear(told: &str) -> Option<Option<Layer>> {
        let mut last = None;
        for size in [1, told.len().max(1)] {
            let mut heard = Heard { tallies: &mut [], line: Zeroizing::default(), next: 0, layer: None };
            let taken = told.as_bytes().chunks(size).try_for_each(|piece| heard.take(piece));
            let found = taken.is_ok().then_some(heard.layer.filter(|_| heard.line.is_empty()));
            assert!(last.is_none_or(|last| last == found), "{told}");
            last = Some(found);
        }
        last.flatten()
    }

    fn message(at: u64) -> String {
        let none = r#"{"addresses":[],"fault":null}"#;
        format!(
            "{{\"message\":{{\"at\":{at},\"parties\":[{none},{none},{none},{none}],\"date\":{{\"utc\":1}}}}}}\n"
        )
    }

    #[test]
    fn a_process_is_believed_only_what_makes_sense() {
        let full = "{\"layer\":\"full\"}\n";
        assert_eq!(hear(&(message(0) + &message(9) + full)), Some(Some(Layer::Full)));
        assert_eq!(hear("{\"layer\":\"none\"}\n"), Some(Some(Layer::None)));
        assert_eq!(hear(&message(0)), Some(None), "no end");
        assert_eq!(hear(full.trim_end()), Some(None), "an end without its line");
        for told in [
            message(9) + &message(9) + full,
            message(9) + &message(0) + full,
            message(1 << 53) + full,
            full.to_owned() + full,
            full.to_owned() + &message(0),
            message(0) + "{\"layer\":\"none\"}\n",
            "{\"layer\":\"whole\"}\n".to_owned(),
            "{}\n".to_owned(),
            "\n".to_owned(),
            message(0).replace("\"at\":0", "\"at\":-1") + full,
            message(0).replace("\"fault\":null", "\"fault\":null,\"more\":1") + full,
            "x".repeat(MAX_MAIL_LINE + 1),
        ] {
            assert_eq!(hear(&told), None, "{}", told.get(..80).unwrap_or(&told));
        }
    }

    #[test]
    fn every_type_of_magic_has_a_way() {
        let unread: Vec<&str> = scope::magic::TYPES
            .iter()
            .map(|info| info.name)
            .filter(|name| way(name) == Way::Unread)
            .collect();
        let expected = [
            "zip",
            "gzip",
            "bzip2",
            "xz",
            "zstd",
            "lz4",
            "7z",
            "rar",
            "tar",
            "cab",
            "ar",
            "sqlite",
            "cfb",
            "pst",
            "pcap",
            "age",
            "pgp-message",
            "luks",
        ];
        assert_eq!(unread, expected);
    }
}
