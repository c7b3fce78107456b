//! The header of a message: its fields, and of those that a policy can ask for the values.

use scope::mail::{MailCause, MailDate, Message, Parties};

use super::super::signs::{NAMES, number};
use super::lines::Line;
use super::{addresses, date};

/// The fields whose values are kept: the parties in the order of their roles, and the date.
const KEPT: [&[u8]; 5] = [b"from", b"to", b"cc", b"bcc", b"date"];
const DATE: usize = 4;

/// A header, line by line.
#[derive(Default)]
pub(super) struct Header {
    /// For each of [`KEPT`] the values of the fields of that name, unfolded.
    values: [Vec<Vec<u8>>; 5],
    /// Which of them the last line belongs to; `None` where it is another field.
    current: Option<usize>,
    /// What makes any field doubtful.
    fault: Option<MailCause>,
    size: usize,
    /// Which of the [`NAMES`] of mail it has.
    met: [bool; NAMES.len()],
}

impl Header {
    /// Whether no line was added.
    pub(super) fn is_new(&self) -> bool {
        self.size == 0
    }

    pub(super) fn is_broken(&self) -> bool {
        self.fault.is_some()
    }

    pub(super) fn is_too_long(&self) -> bool {
        self.fault == Some(MailCause::TooLong)
    }

    /// Whether it has two fields of mail.
    pub(super) fn is_of_a_message(&self) -> bool {
        self.met.iter().filter(|met| **met).count() > 1
    }

    /// Whether it has any field of mail.
    pub(super) fn is_of_mail(&self) -> bool {
        self.met.contains(&true)
    }

    /// What is amiss with all of it, if nothing was before.
    pub(super) fn doubt(&mut self, cause: MailCause) {
        self.fault = self.fault.or(Some(cause));
    }

    /// Where it begins can be read in two ways: the first of all doubts.
    pub(super) fn doubt_begin(&mut self) {
        self.fault = Some(MailCause::Begin);
    }

    /// Adds a line that is not empty.
    pub(super) fn add(&mut self, line: &Line) {
        let first = self.is_new();
        self.size = self.size.saturating_add(line.bytes().len()).saturating_add(1);
        if line.cut || self.size > MAX_HEADER {
            self.fault = Some(MailCause::TooLong);
            return;
        }
        // Some programs end a line at a carriage return, or drop other controls.
        if line.bare || line.bytes().iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            self.doubt(MailCause::Header);
        }
        if line.bytes().first().is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
            // A line of white space alone ends the header for some programs, and not for others.
            if first || line.bytes().trim_ascii().is_empty() {
                self.doubt(MailCause::Header);
            }
            if let Some(value) =
                self.current.and_then(|at| self.values.get_mut(at)).and_then(|own| own.last_mut())
            {
                value.extend_from_slice(line.bytes());
            }
            return;
        }
        self.current = None;
        let Some((name, value)) = field(line.bytes()) else {
            self.doubt(MailCause::Header);
            return;
        };
        let name = name.to_ascii_lowercase();
        if let Some(met) = number(&name).and_then(|number| self.met.get_mut(number)) {
            *met = true;
        }
        if let Some(at) = KEPT.iter().position(|own| *own == name)
            && let Some(values) = self.values.get_mut(at)
        {
            values.push(value.to_vec());
            self.current = Some(at);
        }
    }

    /// What it says. `at`: where the message begins.
    pub(super) fn message(&self, at: u64) -> Message {
        let [from, to, cc, bcc, _] = &self.values;
        let mut sender = self.parties(from);
        if from.is_empty() {
            sender.fault = sender.fault.or(Some(MailCause::NoFrom));
        }
        Message {
            at,
            parties: [sender, self.parties(to), self.parties(cc), self.parties(bcc)],
            date: self.date(),
        }
    }

    fn parties(&self, values: &[Vec<u8>]) -> Parties {
        let mut parties = Parties { addresses: Vec::new(), fault: self.fault };
        for value in values {
            if addresses::read(value, &mut parties.addresses).is_none() {
                parties.fault = parties.fault.or(Some(MailCause::Address));
            }
        }
        if values.len() > 1 {
            parties.fault = parties.fault.or(Some(MailCause::Twice));
        }
        parties
    }

    fn date(&self) -> MailDate {
        let dates = self.values.get(DATE).map_or(&[][..], Vec::as_slice);
        match (self.fault, dates) {
            (Some(fault), _) => MailDate::Fault(fault),
            (None, []) => MailDate::Fault(MailCause::NoDate),
            (None, [value]) => date::read(value).unwrap_or(MailDate::Fault(MailCause::Date)),
            (None, _) => MailDate::Fault(MailCause::Twice),
        }
    }
}

/// Name and value of a field that begins with this line.
fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    let name = name.trim_ascii_end();
    let sound = !name.is_empty() && name.iter().all(|byte| matches!(byte, b'!'..=b'~'));
    sound.then(|| (name, value.get(1..).unwrap_or_default()))
}

/// Whether a field begins with this line.
pub(super) fn is_field(line: &[u8]) -> bool {
    field(line).is_some()
}

/// Most bytes of one header: ten times what large providers accept.
pub(super) const MAX_HEADER: usize = 1 << 20;
