//! Signs that content may hold a message, whatever its first bytes say it is.
//!
//! Implements `docs/spec/mail.md`, "Signs of mail". Content is read once, in
//! pieces of any size, and nothing of it is kept but the name of a field.
//!
//! ```text
//! Exported on Monday
//!
//! From ann@x.org Mon Jan  1 00:00:00 2024
//! To: bob@y.org                             a sign
//! ```

use super::saved::Recent;

/// Names of fields that a header of mail has. The first four are those of parties.
pub(super) const NAMES: [&[u8]; 14] = [
    b"from",
    b"to",
    b"cc",
    b"bcc",
    b"date",
    b"subject",
    b"received",
    b"message-id",
    b"return-path",
    b"mime-version",
    b"delivered-to",
    b"reply-to",
    b"sender",
    b"in-reply-to",
];
const PARTIES: usize = 4;

/// What programs in other languages call the fields of parties where they save a message as text, in UTF-8 and, where that is
/// another spelling, in Latin-1. One letter alone, as in Italian, is none: too much else has that before a colon.
const LOCAL_PARTIES: [&str; 33] = [
    "von",
    "an",
    "de",
    "à",
    "À",
    "cci",
    "para",
    "cco",
    "da",
    "ccn",
    "van",
    "aan",
    "från",
    "till",
    "kopia",
    "fra",
    "til",
    "od",
    "do",
    "dw",
    "komu",
    "kopie",
    "lähettäjä",
    "vastaanottaja",
    "От",
    "Кому",
    "Копия",
    "kimden",
    "kime",
    "feladó",
    "címzett",
    "blindkopie",
    "kopi",
];
/// And when it was sent: words that hardly stand before a colon anywhere else.
const LOCAL_SENT: [&str; 16] = [
    "gesendet",
    "envoyé",
    "inviato",
    "enviado",
    "enviada",
    "verzonden",
    "skickat",
    "sendt",
    "wysłano",
    "wysłane",
    "odesláno",
    "lähetetty",
    "Отправлено",
    "gönderildi",
    "gönderilme",
    "elküldve",
];

/// Whether a field has one of these names.
fn is_one_of(names: &[&str], name: &[u8]) -> bool {
    let name = name.strip_suffix(b"\xc2\xa0").or(name.strip_suffix(b"\xa0")).unwrap_or(name);
    let latin = |own: &str| {
        let bytes: Option<Vec<u8>> = own.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
        bytes.is_some_and(|own| own.eq_ignore_ascii_case(name))
    };
    names.iter().any(|own| own.as_bytes().eq_ignore_ascii_case(name) || latin(own))
}

/// Whether a party is called so in another language.
pub(super) fn is_local_party(name: &[u8]) -> bool {
    is_one_of(&LOCAL_PARTIES, name)
}

/// Whether that a message was sent is called so in another language.
pub(super) fn is_local_sent(name: &[u8]) -> bool {
    is_one_of(&LOCAL_SENT, name)
}

/// Which of [`NAMES`] a field has.
pub(super) fn number(name: &[u8]) -> Option<usize> {
    NAMES.iter().position(|own| own.eq_ignore_ascii_case(name))
}

/// Looks for signs of mail in content, piece by piece.
#[derive(Clone, Debug, Default)]
pub struct Signs {
    found: bool,
    place: Place,
    /// What stands at the beginning of the line: the name of a field, if a colon follows.
    name: Vec<u8>,
    /// Which of [`NAMES`] were met since the last empty line; the bit behind them: a line that begins a message of a mailbox.
    met: u32,
    /// The same of fields in other languages: that of a party, and when it was sent.
    met_local: (bool, bool),
    /// Whether something stands before the name that only copies of a header have: a mark of quotation, a tag, white space.
    is_behind: bool,
    /// Whether the field that the next line may continue is that of a party.
    is_party: bool,
    /// Whether anything but white space stands on the line.
    has_text: bool,
    /// Whether white space stands on it.
    has_space: bool,
    last: u8,
    recent: Recent,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Place {
    #[default]
    Name,
    /// In a tag before it.
    Tag,
    /// Behind a name and white space.
    BehindName,
    /// In the value of a field of parties.
    Value,
    /// Where nothing of the line can be a sign any more.
    Rest,
}

impl Signs {
    /// Whether there was one.
    #[must_use]
    pub fn found(&self) -> bool {
        self.found
    }

    /// Looks at the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !self.found && !rest.is_empty() {
            if self.place == Place::Rest {
                // Most of any content: nothing but the end of the line counts.
                let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
                rest = rest.get(end.unwrap_or(rest.len())..).unwrap_or_default();
            }
            let Some((&byte, after)) = rest.split_first() else { return };
            // In UTF-16 every other byte of these names is zero.
            if byte != 0 {
                self.take(byte);
                self.last = byte;
            }
            rest = after;
        }
    }

    fn take(&mut self, byte: u8) {
        let is_at = self.recent.take(byte);
        match (byte, self.place) {
            (b'\n', _) if self.last == b'\r' => {}
            (b'\n' | b'\r', _) => self.end_line(),
            (b' ' | b'\t', Place::Name) => self.space(),
            (b'>', Place::Tag) => self.place = Place::Name,
            (_, Place::Tag) => {}
            (b'>' | b'*' | b'|', Place::Name) if self.name.is_empty() => self.is_behind = true,
            (b'<', Place::Name) if self.name.is_empty() => (self.is_behind, self.place) = (true, Place::Tag),
            (b' ' | b'\t', _) | (_, Place::Rest) => {}
            (_, Place::Value) => {
                self.has_text = true;
                // An address, or what may be one in other words.
                self.found = is_at || byte == b'@' || (byte == b'?' && self.last == b'=');
            }
            (b':', Place::Name | Place::BehindName) => self.field(),
            (b'!'..=b'~', Place::Name) if self.name.len() < MAX_NAME => {
                self.has_text = true;
                self.name.push(byte);
            }
            // A byte order mark.
            (0xef | 0xbb | 0xbf | 0xfe | 0xff, Place::Name) if self.name.is_empty() => {}
            (0x80.., Place::Name) if self.name.len() < MAX_NAME => {
                self.has_text = true;
                self.name.push(byte);
            }
            _ => (self.has_text, self.place) = (true, Place::Rest),
        }
    }

    fn space(&mut self) {
        self.has_space = true;
        if !self.has_text {
            // Goes on with the field before, if anything follows.
            if self.is_party {
                self.place = Place::Value;
            }
            self.is_behind = true;
            return;
        }
        if self.name == b"From" {
            self.meet(NAMES.len());
        }
        // A spool file of Exim has three digits and a letter before each field.
        let counted = self.name.get(..3).is_some_and(|digits| digits.iter().all(u8::is_ascii_digit));
        if counted && self.name.len() <= 4 {
            self.name.clear();
        } else if !self.name.is_empty() {
            self.place = Place::BehindName;
        }
    }

    fn field(&mut self) {
        self.has_text = true;
        let number = number(&self.name);
        let is_local = is_one_of(&LOCAL_PARTIES, &self.name);
        self.is_party = is_local || number.is_some_and(|number| number < PARTIES);
        self.place = if self.is_party { Place::Value } else { Place::Rest };
        if self.is_behind {
            // Of these an address alone tells: code and tables have such lines.
            return;
        }
        self.met_local.0 |= is_local;
        self.met_local.1 |= is_one_of(&LOCAL_SENT, &self.name);
        if let Some(number) = number {
            self.meet(number);
        }
        self.found |= self.met_local == (true, true);
    }

    fn meet(&mut self, number: usize) {
        self.met |= 1_u32.checked_shl(u32::try_from(number).unwrap_or(u32::MAX)).unwrap_or_default();
        self.found = self.met.count_ones() > 1;
    }

    fn end_line(&mut self) {
        if !self.has_text && !self.has_space {
            (self.met, self.met_local, self.is_party) = (0, (false, false), false);
        } else if self.place != Place::Value {
            self.is_party = false;
        }
        self.name.clear();
        (self.place, self.has_text, self.has_space) = (Place::Name, false, false);
        self.is_behind = false;
    }
}

/// Longest name that is looked up, in bytes.
const MAX_NAME: usize = 28;

#[cfg(test)]
mod tests {
    use super::*;

    fn found(content: &[u8]) -> bool {
        let mut last = None;
        for size in [1, 2, 3, content.len().max(1)] {
            let mut signs = Signs::default();
            content.chunks(size).for_each(|piece| signs.feed(piece));
            assert!(last.is_none_or(|last| last == signs.found()), "{}", content.escape_ascii());
            last = Some(signs.found());
        }
        last.unwrap()
    }

    #[test]
    fn what_may_be_a_header_is_a_sign() {
        for content in [
            &b"To: a@x.org"[..],
            b"\n\nTO\t: \n\t\n\tAnn <a@x.org>\n",
            b"x\rcc: =?utf-8?q?a=40x.org?=\r",
            b"Bcc: Ann,\r\n bob@x.org\r\n",
            b"To: <mailto:a%40x.org>\n",
            b"<b>To:</b> a&#64;x.org<br>\n",
            b"prose\n\nDate: today\nSubject: x\n",
            b"prose\nFrom a Mon Jan 1 2024\nDate: today\n",
            b"\xef\xbb\xbfFrom: a@x.org",
            b"023F From: a@x.org\n",
            b"037  Subject: x\n042  Date: y\n",
            b"Von: Ann\nGesendet: Montag\n",
            b"x\n\nAn: counsel@firm.example\n",
            b"De : Ann\nPara: <a@x.org>\n",
            b"Fr\xe5n: a@x.org\n",
            b"> From: Ann\n> To: counsel@firm.example\n",
            b"\t   To: a@x.org\n",
            b"*To:* a@x.org\n",
            b"<p class=x><b>To:</b> a@x.org<br>\n",
        ] {
            assert!(found(content), "{}", content.escape_ascii());
            let wide: Vec<u8> = content.iter().flat_map(|byte| [*byte, 0]).collect();
            assert!(found(&wide), "{}", content.escape_ascii());
        }
    }

    /// In UTF-16 such letters are other bytes, of which not all are known.
    #[test]
    fn names_of_fields_in_other_letters_are_known_in_utf_8() {
        for content in [
            "À : a@x.org",
            "De\u{a0}: a@x.org\n",
            "Кому: a@x.org",
            "От: Анна\nОтправлено: 1\n",
            "Lähettäjä: a@x.org",
        ] {
            assert!(found(content.as_bytes()), "{content}");
        }
    }

    #[test]
    fn what_is_no_header_is_none() {
        for content in [
            &b""[..],
            b"From here to there.\nAnd back.\n",
            b"From: here\nelsewhere: a@x.org\n",
            b"To: all\n\nDate: today\n\nSubject: x\n",
            b"Write to: a@x.org\n",
            b"x To: a@x.org\n",
            b"user@host: From: a@x.org",
            b"Date: a@x.org\n b@x.org\n",
            b"To: all\nbut@x.org is no one\n",
            b"Von: Berlin\nAn: Hamburg\nDatum: 1. Mai\nBetreff: Fahrt\n",
            b"Gesendet: 1. Mai\n\nVon: Ann\n",
            b"Hinweis an: a@x.org\n",
            b"  from: x,\n  to: y,\n  date: z\n",
            b"> To: all\n> Date: today\n",
            b"<b>Date:</b> a@x.org\n<b>Subject:</b> x\n",
            b"a: b@x.org\nden: b@x.org\n",
        ] {
            assert!(!found(content), "{}", content.escape_ascii());
        }
    }
}
