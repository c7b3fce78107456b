//! Whether a text is nothing but the characters that its bytes spell: what says that it may be read in another way.
//!
//! Implements `docs/spec/keywords.md`, "Texts that may be read otherwise".
//!
//! ```text
//! The kickback was paid.                      plain
//! <p>The kick&#98;ack was paid.               a page
//! Content-Transfer-Encoding: base64           coded
//! ```

use source::extract::Signs;

/// Looks through the characters of a text.
#[derive(Debug, Default)]
pub(crate) struct Plain {
    signs: Signs,
    /// Whether an escape of JSON counts.
    is_json: bool,
    coded: bool,
    reversed: bool,
    page: bool,
    /// Whether the first tag is that of a page.
    root: Option<bool>,
    /// The beginning of the line, in small letters.
    line: Vec<u8>,
    length: usize,
    /// Whether the line has capital and small letters and nothing that Base64 has not.
    capital: bool,
    small: bool,
    other: bool,
    /// How many lines before this one are full rows of Base64.
    rows: usize,
    /// What stands behind `<` or `&`, in small letters.
    word: Vec<u8>,
    place: Place,
    last: u8,
    /// The character before it.
    before: u8,
    /// Whether the last character is a backslash that escapes the next one.
    escapes: bool,
    /// The last five characters, in small letters.
    window: [u8; 5],
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Place {
    #[default]
    Text,
    /// In what may be the name of a tag.
    Tag,
    /// In what may be a reference.
    Reference,
}

impl Plain {
    /// Begins a text of the type `name`.
    pub(crate) fn new(name: &str) -> Self {
        Self { is_json: name == "json", ..Self::default() }
    }

    /// Whether it holds text in a form of another kind: mail, Base64, another set of characters.
    pub(crate) fn is_coded(&self) -> bool {
        self.coded || self.reversed || self.signs.found()
    }

    /// Whether letters are shown in another order than they are written in.
    pub(crate) fn is_reversed(&self) -> bool {
        self.reversed
    }

    /// Whether it may be read as a page in HTML.
    pub(crate) fn is_page(&self) -> bool {
        self.page
    }

    /// Whether its first tag is `html`.
    pub(crate) fn is_rooted(&self) -> bool {
        self.root == Some(true)
    }

    /// The next character.
    pub(crate) fn take(&mut self, letter: char) {
        // Nothing here depends on which of the others it is.
        let byte = u8::try_from(letter).ok().filter(u8::is_ascii).unwrap_or(0x80);
        let low = byte.to_ascii_lowercase();
        // A byte order mark may stand before a name.
        self.signs.feed(&[if letter == '\u{feff}' { 0xff } else { byte }]);
        let control = byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b);
        // Escape is left to colours, `ESC [`: with anything else it begins another set of characters.
        self.coded |= control || (self.last == 0x1b && byte != b'[') || (self.last == b'~' && byte == b'{');
        // What is written from right to left against its nature.
        self.reversed |= matches!(letter, '\u{202d}' | '\u{202e}');
        self.json(byte);
        self.window.rotate_left(1);
        if let Some(slot) = self.window.last_mut() {
            *slot = low;
        }
        self.coded |= self.window == *b"utf-7";
        self.markup(byte, low);
        if matches!(byte, b'\n' | b'\r') {
            self.end_line();
        } else {
            self.length = self.length.saturating_add(1);
            if self.line.len() < PREFIX {
                self.line.push(low);
            }
            self.capital |= byte.is_ascii_uppercase();
            self.small |= byte.is_ascii_lowercase();
            self.other |= !(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
        }
        (self.before, self.last) = (self.last, byte);
    }

    /// The end of the text.
    pub(crate) fn finish(&mut self) {
        self.coded |= self.last == 0x1b;
        self.markup(b'\n', b'\n');
        self.end_line();
    }

    fn json(&mut self, byte: u8) {
        self.coded |= self.is_json && self.escapes && matches!(byte, b'u' | b'/');
        self.escapes = byte == b'\\' && !self.escapes;
    }

    fn end_line(&mut self) {
        let line = self.line.as_slice();
        self.coded |= BEGINNINGS.iter().any(|own| line.starts_with(own));
        // uuencode: `begin 644 name`.
        let mode =
            line.strip_prefix(b"begin ").map(|rest| rest.iter().take_while(|own| matches!(own, b'0'..=b'7')));
        self.coded |= mode.is_some_and(|digits| matches!(digits.count(), 3 | 4));
        // Quoted-printable: a full line that goes on.
        let long = (60..=80).contains(&self.length);
        let continued = self.last == b'=' && self.other;
        self.coded |= long && continued && self.before != b'=';
        let row = long && self.capital && self.small && !self.other;
        self.rows = if row {
            self.rows.saturating_add(1)
        } else if self.length == 0 {
            self.rows
        } else {
            0
        };
        self.coded |= self.rows > 1;
        self.line.clear();
        (self.length, self.capital, self.small, self.other) = (0, false, false, false);
    }

    fn markup(&mut self, byte: u8, low: u8) {
        match self.place {
            Place::Tag if low.is_ascii_alphanumeric() || matches!(low, b'-' | b'!' | b':') => {
                if self.word.len() < PREFIX {
                    self.word.push(low);
                }
                self.page |= self.word == b"!--" || self.word == b"!doctype";
                return;
            }
            Place::Tag if low == b'/' && self.word.is_empty() => return,
            Place::Tag => {
                let ends = low.is_ascii_whitespace() || matches!(low, b'/' | b'>');
                if ends && self.word.first().is_some_and(u8::is_ascii_alphabetic) {
                    self.root.get_or_insert(self.word == b"html");
                    self.page |=
                        self.word.contains(&b'-') || ELEMENTS.iter().any(|own| own.as_bytes() == self.word);
                }
            }
            Place::Reference if low.is_ascii_alphanumeric() && self.word.len() < PREFIX => {
                let digit = low.is_ascii_digit() || (self.word.starts_with(b"#x") && low.is_ascii_hexdigit());
                self.page |= self.word.starts_with(b"#") && digit;
                self.word.push(low);
                return;
            }
            Place::Reference if low == b'#' && self.word.is_empty() => {
                self.word.push(low);
                return;
            }
            Place::Reference => {
                self.page |= low == b';' && self.word.first().is_some_and(u8::is_ascii_alphabetic)
            }
            Place::Text => {}
        }
        self.word.clear();
        self.place = match byte {
            b'<' => Place::Tag,
            b'&' => Place::Reference,
            _ => Place::Text,
        };
    }
}

/// Most characters of a line's beginning, and of a name, that are looked at.
const PREFIX: usize = 32;

/// How lines begin that say in which form others are written.
const BEGINNINGS: [&[u8]; 9] = [
    b"content-transfer-encoding",
    b"mime-version:",
    b"begin:v",
    b"dn: ",
    b"dn:: ",
    b"begin-base64 ",
    b"=ybegin ",
    b"%!ps",
    b"{\\rtf",
];

/// The elements of HTML.
const ELEMENTS: [&str; 136] = [
    "a",
    "abbr",
    "acronym",
    "address",
    "applet",
    "area",
    "article",
    "aside",
    "audio",
    "b",
    "base",
    "basefont",
    "bdi",
    "bdo",
    "bgsound",
    "big",
    "blink",
    "blockquote",
    "body",
    "br",
    "button",
    "canvas",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "data",
    "datalist",
    "dd",
    "del",
    "details",
    "dfn",
    "dialog",
    "dir",
    "div",
    "dl",
    "dt",
    "em",
    "embed",
    "fieldset",
    "figcaption",
    "figure",
    "font",
    "footer",
    "form",
    "frame",
    "frameset",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "hgroup",
    "hr",
    "html",
    "i",
    "iframe",
    "img",
    "input",
    "ins",
    "kbd",
    "label",
    "legend",
    "li",
    "link",
    "main",
    "map",
    "mark",
    "marquee",
    "math",
    "menu",
    "meta",
    "meter",
    "nav",
    "nobr",
    "noembed",
    "noframes",
    "noscript",
    "object",
    "ol",
    "optgroup",
    "option",
    "output",
    "p",
    "param",
    "picture",
    "plaintext",
    "pre",
    "progress",
    "q",
    "rb",
    "rp",
    "rt",
    "rtc",
    "ruby",
    "s",
    "samp",
    "script",
    "search",
    "section",
    "select",
    "slot",
    "small",
    "source",
    "span",
    "strike",
    "strong",
    "style",
    "sub",
    "summary",
    "sup",
    "svg",
    "table",
    "tbody",
    "td",
    "template",
    "textarea",
    "tfoot",
    "th",
    "thead",
    "time",
    "title",
    "tr",
    "track",
    "tt",
    "u",
    "ul",
    "var",
    "video",
    "wbr",
    "xmp",
];
