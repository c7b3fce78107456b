//! Random paths and globs.

use scope::glob::Glob;

use super::Dice;

/// Segments of paths: pairs that differ by case, by normalisation, by one byte, and what globs treat specially. No
/// character is younger than Unicode 14, which the oldest supported Python has.
const SEGMENTS: [&[u8]; 52] = [
    b"a",
    b"A",
    b"b",
    b"ab",
    b"aab",
    b"abab",
    b"x",
    b"var",
    b"VAR",
    b"log",
    b".hidden",
    b"a.",
    b".",
    b"..",
    "\u{e9}".as_bytes(),
    "e\u{301}".as_bytes(),
    "\u{c9}".as_bytes(),
    "E\u{301}".as_bytes(),
    "caf\u{e9}".as_bytes(),
    "CAFE\u{301}".as_bytes(),
    "k".as_bytes(),
    "\u{212a}".as_bytes(),
    "\u{df}".as_bytes(),
    "\u{1e9e}".as_bytes(),
    b"SS",
    "\u{3c2}".as_bytes(),
    "\u{3a3}".as_bytes(),
    "\u{130}".as_bytes(),
    "\u{131}".as_bytes(),
    b"I",
    "a\u{327}\u{301}".as_bytes(),
    "a\u{301}\u{327}".as_bytes(),
    "\u{1100}\u{1161}".as_bytes(),
    "\u{ac00}".as_bytes(),
    "\u{1f600}".as_bytes(),
    "\u{301}a".as_bytes(),
    b"\xff",
    b"\xff\xcc\x81",
    b"x\xc3",
    b"\xc3\xa9\xa9",
    b"\xed\xa0\x80",
    b"\xc0\xaf",
    b"a*",
    b"[1]",
    b"a\nb",
    b"-",
    b"!",
    b"{a,b}",
    b"%41",
    b"\\",
    b"a b",
    b"\x01",
];
/// Names with extensions.
const FILES: [&[u8]; 21] = [
    b"x.txt",
    b"X.TXT",
    b"x.tar.gz",
    b"dump07.csv",
    b"x.jpg",
    b"x.JPG",
    b"x.exe",
    b"x.php",
    b"x.doc",
    b".txt",
    b"x.",
    b"x..txt",
    b"x.pdf",
    b"emails_us.txt",
    "x.\u{17f}h".as_bytes(),
    b"x.SH",
    "x.\u{e9}".as_bytes(),
    "x.E\u{301}".as_bytes(),
    b"x.\xff",
    b"x.j\xffpg",
    b"x.txt:s",
];
/// Single symbols that may stand in a class, and ranges.
const MEMBERS: [&str; 24] = [
    "a",
    "b",
    "A",
    "x",
    "0-9",
    "a-c",
    "A-Z",
    "a-z",
    "\u{e9}",
    "\u{c0}-\u{ff}",
    "\u{3b1}-\u{3c9}",
    "k",
    "K",
    "\\xff",
    "\\x80-\\xff",
    "*",
    "?",
    "{",
    "}",
    "^",
    "!",
    ".",
    "\\\\",
    "\u{131}",
];
/// What malformed globs are made of.
const PIECES: [&str; 32] = [
    "/",
    "/",
    "/",
    "*",
    "**",
    "?",
    "[",
    "]",
    "!",
    "^",
    "-",
    "a",
    "b",
    "A-c",
    "\\",
    "\\x",
    "\\xff",
    "\\xC3\\xA9",
    "\\x41",
    "\\*",
    "\\[",
    "{",
    "}",
    ".",
    "..",
    "\u{e9}",
    "\u{301}",
    "\u{1161}",
    "\u{212b}",
    "[a-z]",
    "[!a]",
    "\\xC3",
];

/// A path from the root.
pub fn path(dice: &mut Dice) -> Vec<u8> {
    if dice.percent(3) {
        return b"/".to_vec();
    }
    let mut path = Vec::new();
    if dice.percent(2) {
        path.push(b'/'); // an empty segment, which no file system has
    }
    for _ in 0..dice.below(4) {
        path.push(b'/');
        path.extend_from_slice(dice.pick(&SEGMENTS));
    }
    path.push(b'/');
    let last = if dice.percent(50) { dice.pick(&FILES).to_vec() } else { dice.pick(&SEGMENTS).to_vec() };
    path.extend(last);
    path
}

/// A glob of this form that is one, and is made from a path so that it may match.
pub fn glob(dice: &mut Dice, form: &str) -> String {
    loop {
        let text = blurred(dice, form);
        if parsed(&text, form).is_ok() {
            return text;
        }
    }
}

/// A text that may be a glob or not, and a path or name that it may match.
pub fn any_glob(dice: &mut Dice, form: &str) -> (String, Vec<u8>) {
    let mut given = path(dice);
    let mut text = if dice.percent(25) {
        let pieces = (0..1 + dice.below(6)).map(|_| dice.pick(&PIECES));
        pieces.collect::<String>()
    } else {
        // The other text's path, so that many match.
        let mut same = dice.clone();
        given = path(&mut same);
        blurred(dice, form)
    };
    if dice.percent(15) {
        let chars: Vec<char> = text.chars().collect();
        let at = dice.below(chars.len() + 1);
        let piece = dice.pick(&PIECES);
        text = chars[..at].iter().chain(&piece.chars().collect::<Vec<_>>()).chain(&chars[at..]).collect();
    }
    if form == "name" {
        given = given.rsplit(|byte| *byte == b'/').next().expect("a last segment").to_vec();
    }
    (text, given)
}

/// Reads a glob of this form.
pub(super) fn parsed(text: &str, form: &str) -> Result<Glob, scope::glob::GlobError> {
    if form == "path" { Glob::path(text) } else { Glob::name(text) }
}

/// A path, some of it replaced by wildcards.
fn blurred(dice: &mut Dice, form: &str) -> String {
    let path = path(dice);
    let mut segments: Vec<Vec<u8>> = path.split(|byte| *byte == b'/').skip(1).map(<[u8]>::to_vec).collect();
    if form == "name" {
        let last = segments.pop().unwrap_or_default();
        return blurred_segment(dice, &last);
    }
    let mut glob = String::new();
    while !segments.is_empty() {
        glob.push('/');
        if dice.percent(15) && !glob.ends_with("**/") {
            glob.push_str("**");
            segments.drain(..dice.below(segments.len() + 1));
        } else {
            glob.push_str(&blurred_segment(dice, &segments.remove(0)));
        }
    }
    if dice.percent(10) && !glob.ends_with("**") && glob != "/" {
        glob.push_str("/**");
    }
    glob
}

fn blurred_segment(dice: &mut Dice, segment: &[u8]) -> String {
    if dice.percent(12) {
        return "*".to_owned();
    }
    let mut glob = String::new();
    for chunk in segment.utf8_chunks() {
        for char in chunk.valid().chars() {
            match dice.below(12) {
                0 if !glob.ends_with('*') => glob.push('*'),
                1 => glob.push('?'),
                2 => glob.push_str(&class(dice, char)),
                3 if !glob.ends_with('*') => {
                    glob.push('*');
                    escape(&mut glob, char);
                }
                _ => escape(&mut glob, char),
            }
        }
        for byte in chunk.invalid() {
            match dice.below(6) {
                0 => glob.push('?'),
                _ => glob.push_str(&format!("\\x{byte:02X}")),
            }
        }
    }
    glob
}

fn class(dice: &mut Dice, char: char) -> String {
    let mut class = String::from(if dice.percent(30) { "[!" } else { "[" });
    if dice.percent(60) && !"[]-!^\\*?/".contains(char) {
        class.push(char);
    }
    for _ in 0..1 + dice.below(2) {
        class.push_str(dice.pick(&MEMBERS));
    }
    class.push_str(if dice.percent(10) { "-]" } else { "]" });
    class
}

fn escape(glob: &mut String, char: char) {
    match char {
        '{' | '}' => glob.push_str(&format!("[{char}]")),
        '*' | '?' | '[' | '\\' => glob.push_str(&format!("\\{char}")),
        _ => glob.push(char),
    }
}
