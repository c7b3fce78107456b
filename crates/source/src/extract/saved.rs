//! Signs of mail in what programs save messages as: JSON, rows of CSV, calendars.
//!
//! Implements `docs/spec/mail.md`, "Messages saved as data". Content is read once, in
//! pieces of any size, and nothing of it is kept but a word and the first line.
//!
//! ```text
//! {"from": {"name": "Ann", "address": "ann@x.org"}}      an address in the value of a party
//! Subject,From,To\n...,ann@x.org,...                     names of fields, and an address below
//! ORGANIZER;CN=Ann:mailto:ann@x.org                      whose appointment it is
//! ```

/// Looks for them, byte by byte. Bytes of zero are passed over, so that UTF-16 is seen, too.
#[derive(Clone, Debug, Default)]
pub(super) struct Saved {
    found: bool,
    recent: Recent,
    at: u64,
    json: Json,
    table: Table,
    line: CalendarLine,
    /// What follows an `@`, until it shows whether it is a domain.
    domain: Option<Domain>,
}

/// Where in JSON it is: what stands in quotes, and whose value.
#[derive(Clone, Debug, Default)]
struct Json {
    in_string: bool,
    escaped: bool,
    /// The string, folded, or too long to be of any use.
    word: Vec<u8>,
    depth: u32,
    /// A string has ended, and what follows says whether it was a name.
    ended: bool,
    /// The names of fields of mail that were met, parties' first, each where it stood last.
    met: Vec<(usize, u64)>,
    /// Which party's value it is in, and how deep its name stands.
    party: Option<(usize, u32)>,
    /// A pair of names and values has called the next value one of a party: `{"name": "From", "value": ...}`.
    named: Option<usize>,
    /// The party of whose value an `@` was met last, and where.
    with_address: Option<(usize, u64)>,
}

/// A table whose first line has names of fields of mail.
#[derive(Clone, Debug, Default)]
struct Table {
    first: Vec<u8>,
    /// Whether the first line has ended.
    ended: bool,
    is_of_mail: bool,
}

#[derive(Clone, Debug, Default)]
struct CalendarLine {
    /// The beginning of the line, folded.
    name: Vec<u8>,
    past_name: bool,
    /// Whether it, or the line that it goes on with, says who takes part.
    is_of_party: bool,
    is_first: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Domain {
    /// Whether there was a dot, with letters alone behind it.
    has_dot: bool,
    letters: u32,
    length: u32,
}

impl Saved {
    /// Whether there was a sign.
    pub(super) fn found(&self) -> bool {
        self.found
    }

    /// Looks at the next bytes.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.found = self.found || bytes.iter().any(|byte| *byte != 0 && self.take(*byte));
    }

    /// Takes the next byte; whether there was a sign.
    fn take(&mut self, byte: u8) -> bool {
        self.at = self.at.saturating_add(1);
        let in_value = self.json.in_string && self.json.party.is_some();
        let (in_table, in_line) = (self.table.take(byte), self.line.take(byte));
        let mut of_party = false;
        if in_value || in_table || in_line {
            let is_at = self.recent.take(byte);
            let is_address = self.domain_goes_on(byte);
            if is_at {
                self.domain = Some(Domain::default());
            }
            of_party = is_at && (in_table || in_line)
                || in_value && (is_address || is_at && self.json.address(self.at));
        } else {
            (self.recent, self.domain) = (Recent::default(), None);
        }
        self.json.take(byte, self.at) || of_party
    }

    /// Whether an address ends before this byte that nothing but an address looks like: with a dot in its domain, and letters behind
    /// the last one. `git@host.example/path` is none, nor is `package@1.0.2`.
    fn domain_goes_on(&mut self, byte: u8) -> bool {
        let Some(domain) = &mut self.domain else { return false };
        domain.length = domain.length.saturating_add(1);
        match byte {
            b'.' if domain.length > 1 => (domain.has_dot, domain.letters) = (true, 0),
            b'a'..=b'z' | b'A'..=b'Z' | 0x80.. => domain.letters = domain.letters.saturating_add(1),
            b'0'..=b'9' | b'-' => domain.has_dot = false,
            _ => {
                let is_one =
                    domain.has_dot && domain.letters > 1 && !matches!(byte, b'/' | b':' | b'@' | b'#');
                self.domain = None;
                return is_one;
            }
        }
        if domain.length > MAX_DOMAIN {
            self.domain = None;
        }
        false
    }
}

impl Json {
    /// Whether with this byte two fields of mail stand close to each other, in the value of one of which an address was.
    fn take(&mut self, byte: u8, at: u64) -> bool {
        if self.in_string {
            self.string(byte);
            return false;
        }
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => return false,
            b':' if self.ended => {
                self.ended = false;
                return self.name(at);
            }
            _ if self.ended => {
                self.ended = false;
                self.named = number(&self.word, &PARTIES);
            }
            _ => {}
        }
        match byte {
            b'"' => {
                (self.in_string, self.escaped) = (true, false);
                self.word.clear();
            }
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.party = self.party.filter(|(_, depth)| *depth <= self.depth);
            }
            b',' => self.party = self.party.filter(|(_, depth)| *depth < self.depth),
            _ => {}
        }
        false
    }

    /// A byte of a string.
    fn string(&mut self, byte: u8) {
        match byte {
            // No string goes on behind the end of its line.
            b'\n' | b'\r' => (self.in_string, self.escaped) = (false, false),
            b'"' if !self.escaped => (self.in_string, self.ended) = (false, true),
            _ => {
                self.escaped = byte == b'\\' && !self.escaped;
                if self.word.len() <= MAX_WORD {
                    self.word.push(byte.to_ascii_lowercase());
                }
            }
        }
    }

    /// The string was a name.
    fn name(&mut self, at: u64) -> bool {
        let party = match number(&self.word, &PARTIES) {
            None if self.word == b"value" => self.named.take(),
            own => own,
        };
        let Some(own) = party.or_else(|| Some(PARTIES.len().saturating_add(number(&self.word, &OTHERS)?)))
        else {
            return false;
        };
        self.met.retain(|(other, _)| *other != own);
        self.met.push((own, at));
        if party.is_some() {
            self.party = Some((own, self.depth));
        }
        self.with_address.is_some_and(|(other, met)| other != own && at.saturating_sub(met) <= NEAR)
    }

    /// There is an `@`; whether it stands in the value of a party, and another field of mail close by.
    fn address(&mut self, at: u64) -> bool {
        let Some((own, _)) = self.party else { return false };
        self.with_address = Some((own, at));
        self.met.iter().any(|(other, met)| *other != own && at.saturating_sub(*met) <= NEAR)
    }
}

impl Table {
    /// Whether this byte stands below a first line of fields of mail.
    fn take(&mut self, byte: u8) -> bool {
        if self.ended {
            return self.is_of_mail;
        }
        match byte {
            b'\n' | b'\r'
                if self.first.trim_ascii().is_empty()
                    || self.first.to_ascii_lowercase().starts_with(b"sep=") =>
            {
                self.first.clear();
            }
            b'\n' | b'\r' => {
                (self.ended, self.is_of_mail) = (true, is_of_mail(&self.first));
                self.first = Vec::new();
            }
            _ if self.first.len() < MAX_FIRST => self.first.push(byte),
            _ => self.ended = true,
        }
        false
    }
}

impl CalendarLine {
    /// Whether this byte stands on a line that says who takes part.
    fn take(&mut self, byte: u8) -> bool {
        match byte {
            b'\n' | b'\r' => {
                self.name.clear();
                (self.past_name, self.is_first) = (false, true);
            }
            // A line that begins with white space goes on with the one before.
            b' ' | b'\t' if self.is_first => (self.past_name, self.is_first) = (true, false),
            _ if self.past_name => {}
            b';' | b':' => {
                self.is_of_party = matches!(self.name.as_slice(), b"organizer" | b"attendee");
                (self.past_name, self.is_first) = (true, false);
            }
            _ => {
                self.is_first = false;
                self.is_of_party = false;
                self.past_name = self.name.len() > MAX_WORD;
                self.name.push(byte.to_ascii_lowercase());
            }
        }
        self.is_of_party && self.past_name
    }
}

/// The last bytes, to see an `@` in any spelling of it: `@`, `%40`, `\u0040`, `&#64;`, `&#x40;`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Recent([u8; 8]);

impl Recent {
    /// Takes a byte; whether an `@` ends with it, behind what can be the last byte before that of an address.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        self.0.rotate_left(1);
        if let Some(last) = self.0.last_mut() {
            *last = byte;
        }
        let spellings: &[&[u8]] = match byte {
            b'@' => &[b"@"],
            b'0' => &[b"%40", b"\\u0040"],
            b';' => &[b"&#64;", b"&#x40;", b"&#X40;"],
            _ => return false,
        };
        spellings
            .iter()
            .filter_map(|own| self.0.strip_suffix(*own)?.last())
            .any(|before| is_of_local_part(*before))
    }
}

/// Whether it can be the last byte before the `@` of an address.
fn is_of_local_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || b".!#$%&'*+-/=?^_`{|}~\"".contains(&byte)
}

fn number(word: &[u8], names: &[&str]) -> Option<usize> {
    names.iter().position(|own| own.as_bytes() == word)
}

/// Whether the cells of a line are names of fields of mail: that of a party, and another.
fn is_of_mail(line: &[u8]) -> bool {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).to_ascii_lowercase();
    let cells = line.split(|byte| matches!(byte, b',' | b';' | b'\t' | b'|')).map(|cell| {
        let cell = cell.trim_ascii();
        let cell = cell.strip_prefix(b"\"").unwrap_or(cell);
        let end = cell.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte < 0x80 && *byte != b'-');
        cell.get(..end.unwrap_or(cell.len())).unwrap_or_default()
    });
    let (mut parties, mut all) = (Vec::new(), Vec::new());
    for cell in cells.filter(|cell| !cell.is_empty()) {
        let is_party = number(cell, &PARTIES).is_some() || super::signs::is_local_party(cell);
        let is_other = number(cell, &OTHERS).is_some()
            || number(cell, &LOCAL_OTHERS).is_some()
            || super::signs::is_local_sent(cell);
        if is_party && !parties.contains(&cell) {
            parties.push(cell);
        }
        if (is_party || is_other) && !all.contains(&cell) {
            all.push(cell);
        }
    }
    !parties.is_empty() && all.len() > 1
}

/// What programs call a party in data.
const PARTIES: [&str; 24] = [
    "from",
    "to",
    "cc",
    "bcc",
    "sender",
    "recipient",
    "recipients",
    "replyto",
    "reply-to",
    "reply_to",
    "torecipients",
    "ccrecipients",
    "bccrecipients",
    "fromaddress",
    "toaddress",
    "from_address",
    "to_address",
    "from_email",
    "to_email",
    "fromemail",
    "toemail",
    "from_name",
    "to_list",
    "cc_list",
];
/// And what else a message has.
const OTHERS: [&str; 16] = [
    "subject",
    "date",
    "body",
    "message-id",
    "message_id",
    "messageid",
    "received",
    "receiveddatetime",
    "sentdatetime",
    "sent",
    "snippet",
    "internaldate",
    "in-reply-to",
    "inreplyto",
    "mailbox",
    "headers",
];
/// What programs call a subject in other languages, at the head of a table.
const LOCAL_OTHERS: [&str; 12] = [
    "betreff",
    "objet",
    "oggetto",
    "asunto",
    "assunto",
    "onderwerp",
    "temat",
    "emne",
    "aihe",
    "konu",
    "datum",
    "fecha",
];

/// How far two fields of one message may stand apart in JSON, in bytes.
const NEAR: u64 = 4096;
/// Longest word that is looked up.
const MAX_WORD: usize = 20;
/// Longest first line of a table that is looked at.
const MAX_FIRST: usize = 4096;
const MAX_DOMAIN: u32 = 255;

#[cfg(test)]
mod tests;
