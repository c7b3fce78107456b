//! A field of addresses: RFC 5322, section 3.4, with what section 4 still allows to be read.
//!
//! ```text
//! Ann Q <ann@firm.example>, team: bob@x.org (Bob), "c d"@y.org;      ann@firm.example bob@x.org c d@y.org
//! ```

/// Reads the addresses of `value` into `found`. `None` where something of it is not written as addresses are; what can
/// be read of it is read nevertheless.
pub(super) fn read(value: &[u8], found: &mut Vec<String>) -> Option<()> {
    let tokens = tokens(value);
    let mut sound = tokens.sound;
    let mut in_group = false;
    let mut item: Vec<&Token> = Vec::new();
    for token in tokens.tokens.iter().chain([&Token::Special(b',')]) {
        match token {
            Token::Special(b':') if !in_group && !has(&item, b'<') => {
                // The name of a group; or else a route or a list that lacks its end.
                sound &= !item.is_empty() && !has(&item, b'@');
                in_group = true;
                item.clear();
            }
            Token::Special(b';') if in_group => {
                sound &= mailbox(&item, found);
                in_group = false;
                item = vec![&END_OF_GROUP];
            }
            Token::Special(b',') => {
                sound &= item.as_slice() == [&END_OF_GROUP] || mailbox(&item, found);
                item.clear();
            }
            token => item.push(token),
        }
    }
    (sound && !in_group).then_some(())
}

/// Stands where a group ended: nothing but a comma may follow.
const END_OF_GROUP: Token = Token::Special(b';');

fn has(item: &[&Token], special: u8) -> bool {
    item.contains(&&Token::Special(special))
}

/// Reads one mailbox; whether it is one, or nothing at all.
fn mailbox(item: &[&Token], found: &mut Vec<String>) -> bool {
    if item.is_empty() {
        return true;
    }
    let open = item.iter().position(|token| **token == Token::Special(b'<'));
    let address = match open {
        None => address(item),
        Some(open) => {
            let (name, rest) = item.split_at(open);
            let inner = match rest {
                [_, inner @ .., Token::Special(b'>')] => inner,
                _ => return false,
            };
            // A name may hold what it must not, an address for instance; but nothing that begins another mailbox.
            if has(name, b'>') || has(name, b';') || has(name, b':') {
                return false;
            }
            // An old route, `@a,@b:`, would have been cut at its comma; of one host it is here.
            let inner = match inner.iter().position(|token| **token == Token::Special(b':')) {
                Some(colon) if inner.first() == Some(&&Token::Special(b'@')) => {
                    inner.get(colon.saturating_add(1)..).unwrap_or_default()
                }
                _ => inner,
            };
            address(inner)
        }
    };
    match address {
        Some(address) => {
            found.push(address);
            true
        }
        None => false,
    }
}

/// `local@domain` out of words, dots and one `@`.
fn address(tokens: &[&Token]) -> Option<String> {
    let at = tokens.iter().position(|token| **token == Token::Special(b'@'))?;
    let (local, domain) = tokens.split_at_checked(at)?;
    let local = dotted(local, true)?;
    let domain = match domain.get(1..)? {
        [Token::Literal(text)] => text.clone(),
        words => dotted(words, false)?,
    };
    let address = format!("{local}@{domain}");
    (address.len() <= MAX_ADDRESS).then_some(address)
}

/// Words with a dot between two.
fn dotted(tokens: &[&Token], quotes: bool) -> Option<String> {
    let mut text = String::new();
    for (place, token) in tokens.iter().enumerate() {
        match token {
            Token::Word(word) if place % 2 == 0 => text.push_str(word),
            Token::Quoted(Some(word)) if place % 2 == 0 && quotes => text.push_str(word),
            Token::Special(b'.') if place % 2 == 1 => text.push('.'),
            _ => return None,
        }
    }
    (tokens.len() % 2 == 1).then_some(text)
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Token {
    Special(u8),
    Word(String),
    /// Without its quotes; `None` where it is not UTF-8.
    Quoted(Option<String>),
    /// `[127.0.0.1]`, with its brackets.
    Literal(String),
    /// A word that is not UTF-8, or a character that stands in none.
    Undecodable,
}

struct Tokens {
    tokens: Vec<Token>,
    sound: bool,
}

/// Cuts a value into tokens. White space and comments are between them.
fn tokens(value: &[u8]) -> Tokens {
    let mut found = Tokens { tokens: Vec::new(), sound: true };
    let mut rest = value;
    while let Some((&byte, after)) = rest.split_first() {
        rest = match byte {
            b' ' | b'\t' => after,
            b'(' => comment(after, &mut found),
            b'"' => quoted(after, &mut found),
            b'[' => literal(after, &mut found),
            b'<' | b'>' | b',' | b';' | b':' | b'@' | b'.' => {
                found.tokens.push(Token::Special(byte));
                after
            }
            b')' | b']' | b'\\' | 0..=0x1f | 0x7f => {
                found.sound = false;
                found.tokens.push(Token::Undecodable);
                after
            }
            _ => word(rest, &mut found),
        };
    }
    found
}

fn word<'v>(from: &'v [u8], found: &mut Tokens) -> &'v [u8] {
    let inside = |byte: &u8| !matches!(byte, 0..=0x20 | 0x7f) && !b"()<>[]:;@\\,.\"".contains(byte);
    let length = from.iter().take_while(|byte| inside(byte)).count();
    let (word, rest) = from.split_at_checked(length.max(1)).unwrap_or((from, &[]));
    found.tokens.push(match std::str::from_utf8(word) {
        Ok(word) => Token::Word(word.to_owned()),
        Err(_) => Token::Undecodable,
    });
    rest
}

fn quoted<'v>(from: &'v [u8], found: &mut Tokens) -> &'v [u8] {
    let mut text = Vec::new();
    let mut rest = from;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'"' => {
                found.tokens.push(Token::Quoted(String::from_utf8(text).ok()));
                return rest;
            }
            b'\\' => {
                if let Some((&escaped, after)) = rest.split_first() {
                    text.push(escaped);
                    rest = after;
                }
            }
            _ => text.push(byte),
        }
    }
    found.sound = false; // it has no end
    found.tokens.push(Token::Quoted(None));
    rest
}

fn literal<'v>(from: &'v [u8], found: &mut Tokens) -> &'v [u8] {
    let Some(end) = from.iter().position(|byte| *byte == b']') else {
        found.sound = false;
        return &[];
    };
    let (text, rest) = from.split_at_checked(end).unwrap_or((from, &[]));
    let plain = text.iter().all(|byte| matches!(byte, b'!'..=b'~') && !b"[\\".contains(byte));
    match std::str::from_utf8(text) {
        Ok(text) if plain => found.tokens.push(Token::Literal(format!("[{text}]"))),
        _ => found.sound = false,
    }
    rest.get(1..).unwrap_or_default()
}

/// Passes over a comment, which may hold others.
fn comment<'v>(from: &'v [u8], found: &mut Tokens) -> &'v [u8] {
    let mut depth = 1_usize;
    let mut rest = from;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'(' => depth = depth.saturating_add(1),
            b')' => depth = depth.saturating_sub(1),
            b'\\' => rest = rest.get(1..).unwrap_or_default(),
            _ => {}
        }
        if depth == 0 {
            return rest;
        }
    }
    found.sound = false;
    rest
}

/// Longest address in bytes. RFC 5321 has 320; some more is harmless, and a megabyte is not.
const MAX_ADDRESS: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &[u8], expected: &[&str], sound: bool) {
        let mut found = Vec::new();
        let read = read(value, &mut found).is_some();
        assert_eq!(
            (found.iter().map(String::as_str).collect::<Vec<_>>(), read),
            (expected.to_vec(), sound),
            "{}",
            value.escape_ascii()
        );
    }

    #[test]
    fn addresses_are_read_out_of_what_surrounds_them() {
        check(b" ann@firm.example", &["ann@firm.example"], true);
        check(b"Ann Q <ann@firm.example>", &["ann@firm.example"], true);
        check(b"\"Q, Ann\" <ann@x.org>, bob@y.org (Bob (the (old)) one)", &["ann@x.org", "bob@y.org"], true);
        check(b"=?utf-8?Q?M=C3=BCller=2C_A?= <m@x.org>", &["m@x.org"], true);
        check(b"=?utf-8?B?TcO8bGxlcg==?=  =?utf-8?B?TcO8bGxlcg==?= <m@x.org>", &["m@x.org"], true);
        check(b"team: a@x.org, B <b@x.org>;, c@x.org", &["a@x.org", "b@x.org", "c@x.org"], true);
        check(b"undisclosed-recipients:;", &[], true);
        check(b", ,a@x.org,,", &["a@x.org"], true);
        check(b"ann . q @ x . org", &["ann.q@x.org"], true);
        check(b"\"ann q\"@x.org", &["ann q@x.org"], true);
        check(b"\"a\\\"b\"@x.org", &["a\"b@x.org"], true);
        check(b"ann@[127.0.0.1]", &["ann@[127.0.0.1]"], true);
        check(b"<@relay.example:ann@x.org>", &["ann@x.org"], true);
        check("Ann <m\u{fc}ller@b\u{fc}ro.example>".as_bytes(), &["m\u{fc}ller@b\u{fc}ro.example"], true);
        check(b"M\xfcller <m@x.org>", &["m@x.org"], true);
        check(b"counsel@firm.example <evil@x.org>", &["evil@x.org"], true);
    }

    #[test]
    fn what_is_not_an_address_is_told() {
        check(b"ann", &[], false);
        check(b"=?utf-8?B?YW5uQGZpcm0uZXhhbXBsZQ==?=", &[], false);
        check(b"Smith, Ann <ann@x.org>", &["ann@x.org"], false);
        check(b"<>", &[], false);
        check(b"ann@x.org bob@y.org", &[], false);
        check(b"<ann@x.org> bob@y.org", &[], false);
        check(b"<ann@x.org", &[], false);
        check(b"ann@x@y.org", &[], false);
        check(b"ann..q@x.org", &[], false);
        check(b"m\xfcller@x.org, b@x.org", &["b@x.org"], false);
        check(b"(never closed, ann@x.org", &[], false);
        check(b"\"never closed, ann@x.org", &[], false);
        check(b"team: a@x.org", &["a@x.org"], false);
        check(b"a@x.org; b@x.org", &[], false);
        check(b"team: a@x.org; b@x.org", &["a@x.org"], false);
        check(b"a\x00@x.org", &[], false);
        check(b"", &[], true);
        let mut long = vec![b'a'; 2000];
        long.extend(b"@x.org, b@x.org");
        check(&long, &["b@x.org"], false);
        check(&[b'('; 100_000], &[], false);
        check(&[b'<'; 100_000], &[], false);
    }
}
