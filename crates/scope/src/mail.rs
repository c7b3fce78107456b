//! Mail: what one message says of its parties and its date, and what that makes of a file of messages.
//!
//! Implements `docs/spec/mail.md`, "Addresses" and "What a message comes to". The
//! messages are read elsewhere; here they are compared, so that capture and
//! re-examination compare alike.
//!
//! ```text
//! {"mail":{"selector":"counsel","layer":"full","messages":3,"fits":1,"open":1,"offsets":[5120],"causes":["no-zone"]}}
//! ```

mod address;

use serde::{Deserialize, Serialize};

use crate::facts::Layer;
use crate::trit::Trit;

pub use address::{MAX_ADDRESS, fault, is_unseen, loose, normal};

/// In which field of a message an address stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// `From`.
    From,
    /// `To`.
    To,
    /// `Cc`.
    Cc,
    /// `Bcc`.
    Bcc,
}

impl Role {
    /// All roles, in the order in which records have them.
    pub const ALL: [Self; 4] = [Self::From, Self::To, Self::Cc, Self::Bcc];

    /// The word used in policies.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::From => "from",
            Self::To => "to",
            Self::Cc => "cc",
            Self::Bcc => "bcc",
        }
    }
}

/// Why something of a message cannot be told.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailCause {
    /// A field of addresses is not written as addresses are.
    Address,
    /// Where the message begins can be read in two ways.
    Begin,
    /// The date is no date.
    Date,
    /// The header has a line that belongs to no field.
    Header,
    /// There is no date.
    NoDate,
    /// There is no sender.
    NoFrom,
    /// The date is local, of a zone that nobody states.
    NoZone,
    /// The file is of a type that may hold mail and is not read, or not all of it could be read.
    NotRead,
    /// The header is longer than is read.
    TooLong,
    /// A field that may stand once stands twice.
    Twice,
}

impl MailCause {
    /// What is amiss, in words that name nothing of the message.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Address => "a field of addresses cannot be read",
            Self::Begin => "where a message begins can be read in two ways",
            Self::Date => "the date cannot be read",
            Self::Header => "a header has a line that belongs to no field",
            Self::NoDate => "a message has no date",
            Self::NoFrom => "a message has no sender",
            Self::NoZone => "the date has no zone",
            Self::NotRead => "mail that may be in it was not read",
            Self::TooLong => "a header is longer than is read",
            Self::Twice => "a field stands twice",
        }
    }
}

/// The addresses of one role.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Parties {
    /// The addresses, `local@domain`, as they are written but for quotes.
    pub addresses: Vec<String>,
    /// Why there may be others.
    pub fault: Option<MailCause>,
}

/// The date of a message.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailDate {
    /// Seconds since 1970-01-01T00:00:00Z.
    Utc(i64),
    /// The same of local time, whose zone is not stated.
    Local(i64),
    /// It cannot be told.
    Fault(MailCause),
}

/// What is read of one message.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Where it begins, in bytes from the beginning of the file.
    pub at: u64,
    /// The addresses by role, in the order of [`Role::ALL`].
    pub parties: [Parties; 4],
    /// Its date.
    pub date: MailDate,
}

/// What the look *content* found for one condition on mail.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MailFact {
    /// The selector's id in the policy.
    pub selector: String,
    /// `full` where every message of the file was read, `none` for a type that holds no messages, `unread` otherwise.
    pub layer: Layer,
    /// How many messages were read.
    pub messages: u64,
    /// How many of them fit the condition.
    pub fits: u64,
    /// Of how many of them that is unknown.
    pub open: u64,
    /// Where the first messages that fit begin, in bytes, at most 16, ascending.
    pub offsets: Vec<u64>,
    /// Why it is unknown, sorted, none twice.
    pub causes: Vec<MailCause>,
}

impl MailFact {
    /// Most offsets that are recorded.
    pub const OFFSETS: usize = 16;

    /// Whether the numbers can be of one file.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let offsets = u64::try_from(self.offsets.len()).unwrap_or(u64::MAX);
        let unknown = self.open > 0 || self.layer == Layer::Unread;
        self.fits.checked_add(self.open).is_some_and(|sum| sum <= self.messages)
            && offsets == self.fits.min(Self::OFFSETS as u64)
            && self.offsets.is_sorted_by(|a, b| a < b)
            && self.causes.is_sorted_by(|a, b| a < b)
            && self.causes.is_empty() != unknown
            && (self.layer != Layer::None || self.messages == 0)
    }
}

/// A condition on mail, ready to be compared with messages.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MailTest {
    /// Normal forms of addresses, and of whole domains as `@domain`; sorted, none twice. `None` where none is asked for.
    pub(crate) party: Option<Vec<String>>,
    /// The same in the form in which some programs compare them; sorted.
    pub(crate) loose: Vec<String>,
    pub(crate) role: Vec<Role>,
    /// Nanoseconds, half-open.
    pub(crate) within: Option<(i128, i128)>,
    /// Whether every message must fit, not one.
    pub(crate) all: bool,
    /// Local time minus UTC, where the policy says what zone-less times mean.
    pub(crate) zoneless_ns: Option<i128>,
}

impl MailTest {
    /// What a message comes to, and why where that is unknown.
    fn of(&self, message: &Message) -> (Trit, Option<MailCause>) {
        let (party, why) = self.of_party(message);
        let (date, why_date) = self.of_date(message.date);
        let value = party.min(date);
        // What may be no message cannot fit.
        if value == Trit::T && message.parties.iter().any(|own| own.fault == Some(MailCause::Begin)) {
            return (Trit::U, Some(MailCause::Begin));
        }
        let cause = if party == Trit::U { why } else { why_date };
        (value, cause.filter(|_| value == Trit::U))
    }

    fn of_party(&self, message: &Message) -> (Trit, Option<MailCause>) {
        let Some(wanted) = &self.party else { return (Trit::T, None) };
        let mut fault = None;
        for (role, parties) in Role::ALL.into_iter().zip(&message.parties) {
            if !self.role.contains(&role) {
                continue;
            }
            if parties.addresses.iter().any(|address| is_among(wanted, address)) {
                return (Trit::T, None);
            }
            let alike = || parties.addresses.iter().any(|address| is_listed(&self.loose, &loose(address)));
            fault = fault.or(parties.fault).or_else(|| alike().then_some(MailCause::Address));
        }
        (if fault.is_some() { Trit::U } else { Trit::F }, fault)
    }

    fn of_date(&self, date: MailDate) -> (Trit, Option<MailCause>) {
        let Some((from, until)) = self.within else { return (Trit::T, None) };
        let ns = |seconds: i64| i128::from(seconds).saturating_mul(1_000_000_000);
        let at = match (date, self.zoneless_ns) {
            (MailDate::Utc(seconds), _) => ns(seconds),
            (MailDate::Local(seconds), Some(offset)) => ns(seconds).saturating_sub(offset),
            (MailDate::Local(_), None) => return (Trit::U, Some(MailCause::NoZone)),
            (MailDate::Fault(cause), _) => return (Trit::U, Some(cause)),
        };
        (Trit::known((from..until).contains(&at)), None)
    }

    /// What the fact makes of the condition. `failed`: the look failed.
    pub(crate) fn value(&self, fact: &MailFact, failed: bool) -> Trit {
        let read = fact.layer == Layer::Full && !failed;
        if !self.all {
            return match fact.layer {
                _ if fact.fits > 0 => Trit::T,
                _ if failed => Trit::U,
                Layer::None => Trit::F,
                _ if read && fact.open == 0 => Trit::F,
                _ => Trit::U,
            };
        }
        let misses = fact.messages.saturating_sub(fact.fits).saturating_sub(fact.open);
        match fact.layer {
            _ if misses > 0 => Trit::F,
            _ if failed => Trit::U,
            Layer::None => Trit::F,
            Layer::Full if fact.open == 0 => Trit::known(fact.messages > 0),
            _ => Trit::U,
        }
    }

    /// Whether a file that fits this condition fits the other, too, and one that may fit may fit.
    pub(crate) fn implies(&self, other: &Self) -> bool {
        let party = match (&self.party, &other.party) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(own), Some(others)) => {
                own.iter().all(|address| is_listed(others, address))
                    && self.role.iter().all(|role| other.role.contains(role))
            }
        };
        let within = match (self.within, other.within) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(own), Some(others)) => others.0 <= own.0 && own.1 <= others.1,
        };
        // Where every message fits, one does.
        let messages = self.all || !other.all;
        party && within && messages && self.zoneless_ns == other.zoneless_ns
    }
}

/// Counts the messages of one file against one condition.
#[derive(Clone, Debug)]
pub struct MailTally<'t> {
    test: &'t MailTest,
    fact: MailFact,
}

impl<'t> MailTally<'t> {
    /// Begins a file.
    #[must_use]
    pub fn new(selector: &str, test: &'t MailTest) -> Self {
        let fact = MailFact {
            selector: selector.to_owned(),
            layer: Layer::Unread,
            messages: 0,
            fits: 0,
            open: 0,
            offsets: Vec::new(),
            causes: Vec::new(),
        };
        Self { test, fact }
    }

    /// The next message.
    pub fn add(&mut self, message: &Message) {
        let (value, cause) = self.test.of(message);
        self.fact.messages = self.fact.messages.saturating_add(1);
        match value {
            Trit::T => {
                self.fact.fits = self.fact.fits.saturating_add(1);
                if self.fact.offsets.len() < MailFact::OFFSETS {
                    self.fact.offsets.push(message.at);
                }
            }
            Trit::U => {
                self.fact.open = self.fact.open.saturating_add(1);
                self.because(cause.unwrap_or(MailCause::NotRead));
            }
            Trit::F => {}
        }
    }

    /// The fact. `layer`: whether all messages were read.
    #[must_use]
    pub fn fact(mut self, layer: Layer) -> MailFact {
        self.fact.layer = layer;
        if layer == Layer::Unread {
            self.because(MailCause::NotRead);
        }
        self.fact
    }

    fn because(&mut self, cause: MailCause) {
        if let Err(at) = self.fact.causes.binary_search(&cause) {
            self.fact.causes.insert(at, cause);
        }
    }
}

/// Whether the address, or its whole domain, is on the list.
fn is_among(list: &[String], address: &str) -> bool {
    is_listed(list, &normal(address))
}

/// The same of a normal form, which may be a domain.
fn is_listed(list: &[String], address: &str) -> bool {
    let has = |wanted: &str| list.binary_search_by(|own| own.as_str().cmp(wanted)).is_ok();
    has(address) || address.rfind('@').and_then(|at| address.get(at..)).is_some_and(has)
}

#[cfg(test)]
mod tests;
