//! An item of a listing: as JSON, as a line for people, as a line of a bodyfile.
//!
//! ```text
//! file               19  2011-03-09T18:00:00.5Z          /opt/panel/gate.php
//! 0|/opt/panel/gate.php|15|r/rrw-r--r--|0|0|19|1299693600|1299693600|1299693600|0
//! ```

use chrono::{DateTime, Datelike as _, Utc};
use scope::facts::{Facts, Kind, Stamp, TimeKind, Zone};
use scope::render::is_visible;
use scope::{Digest, RawName};
use serde::Serialize;
use serde_json::{Value, json};
use source::{Entry, Source};
use unicode_normalization::is_nfc;

use super::place;

/// A digest, or why there is none.
type Digested = Option<Result<Digest, String>>;

/// As JSON. Names are escaped as in every record.
pub(super) fn value(source: &dyn Source, entry: &Entry, digest: Digested) -> Value {
    let facts = &entry.facts;
    let stamp = |stamp: &Stamp| json!({"of": stamp.of, "from": stamp.from, "ns": stamp.ns.to_string(), "zone": stamp.zone, "at": time(stamp)});
    let mut value = json!({
        "locator": entry.locator,
        "volume": place(&source.info().place),
        "paths": facts.names,
        "kind": facts.kind,
        "size": facts.size,
        "allocated": facts.allocated,
        "deleted": facts.kind == Kind::Deleted,
        "times": facts.times.iter().map(stamp).collect::<Vec<_>>(),
    });
    let Value::Object(fields) = &mut value else { return value };
    if let Some(target) = &facts.link_target {
        fields.insert("link_target".to_owned(), json!(RawName(target.0.clone())));
    }
    match digest {
        Some(Ok(digest)) => _ = fields.insert("sha256".to_owned(), json!(digest)),
        Some(Err(error)) => _ = fields.insert("error".to_owned(), json!(error)),
        None => {}
    }
    value
}

/// For people: kind, size, time of the last change, digest where one was asked for, name. Tabs stand between them, and in no name.
pub(super) fn text(entry: &Entry, digest: Digested) -> String {
    let facts = &entry.facts;
    let size = facts.size.map_or_else(|| "-".to_owned(), |size| size.to_string());
    let modified = best(facts, TimeKind::Modified).map_or_else(|| "-".to_owned(), time);
    let digest = match digest {
        Some(Ok(digest)) => format!("{}\t", digest.hex()),
        Some(Err(error)) => format!("not read: {error}\t"),
        None => String::new(),
    };
    let target =
        facts.link_target.as_ref().map(|target| format!("\t-> {}", readable(&target.0))).unwrap_or_default();
    let line = |name: &str| {
        format!("{:<12}\t{size:>15}\t{modified:<30}\t{digest}{name}{target}\n", word(&facts.kind))
    };
    if facts.names.is_empty() {
        return line(&format!("(no name) {}", entry.locator));
    }
    facts.names.iter().map(|name| line(&readable(name.bytes()))).collect()
}

/// As the Sleuth Kit's bodyfile has it. What has lost its name stands in the folder that the Sleuth Kit has for such.
pub(super) fn body(entry: &Entry) -> String {
    let facts = &entry.facts;
    let letter = match facts.kind {
        Kind::File | Kind::Member | Kind::Stream | Kind::Deleted | Kind::Recovered | Kind::Slack => 'r',
        Kind::Directory => 'd',
        Kind::Symlink => 'l',
        Kind::Fifo => 'p',
        Kind::Socket => 'h',
        Kind::CharDevice => 'c',
        Kind::BlockDevice => 'b',
        Kind::Unallocated | Kind::Volume => 'v',
        Kind::Other => '-',
    };
    let deleted = matches!(facts.kind, Kind::Deleted | Kind::Recovered);
    let named = if deleted { '-' } else { letter };
    let rights: String = (0..9_u32)
        .rev()
        .zip("rwxrwxrwx".chars())
        .map(|(bit, right)| if facts.mode.unwrap_or(0) >> bit & 1 == 1 { right } else { '-' })
        .collect();
    let seconds = |of| best(facts, of).map_or(0, |stamp| stamp.ns.div_euclid(NANOSECONDS));
    let rest = format!(
        "|{}|{named}/{letter}{rights}|{}|{}|{}|{}|{}|{}|{}\n",
        facts.node,
        facts.uid.unwrap_or(0),
        facts.gid.unwrap_or(0),
        facts.size.unwrap_or(0),
        seconds(TimeKind::Accessed),
        seconds(TimeKind::Modified),
        seconds(TimeKind::Changed),
        seconds(TimeKind::Created),
    );
    let mark = if deleted { " (deleted)" } else { "" };
    let line = |name: &str| format!("0|{}{mark}{rest}", name.replace('|', "%7C"));
    if facts.names.is_empty() {
        return line(&format!("/$OrphanFiles/{}", entry.locator));
    }
    facts.names.iter().map(|name| line(&readable(name.bytes()))).collect()
}

/// The time of a kind that is told where there are several: the first that the file system states.
fn best(facts: &Facts, of: TimeKind) -> Option<&Stamp> {
    facts.times.iter().find(|stamp| stamp.of == of)
}

/// By RFC 3339, in UTC; a time without a zone has none here either. In nanoseconds where four digits have no room for the year.
fn time(stamp: &Stamp) -> String {
    let seconds = i64::try_from(stamp.ns.div_euclid(NANOSECONDS)).ok();
    let rest = u32::try_from(stamp.ns.rem_euclid(NANOSECONDS)).unwrap_or(0);
    let at: Option<DateTime<Utc>> = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, rest));
    match at.filter(|at| (0..=9999).contains(&at.year())) {
        Some(at) if stamp.zone == Zone::None => format!("{} (local)", at.format("%Y-%m-%dT%H:%M:%S%.f")),
        Some(at) => at.format("%Y-%m-%dT%H:%M:%S%.fZ").to_string(),
        None => format!("{} ns", stamp.ns),
    }
}

/// A name as a person reads it: what is UTF-8, visible, and in the form in which nothing else looks like it (NFC) stands for
/// itself; `%` and all else is escaped as in every record. No two names are written alike.
fn readable(name: &[u8]) -> String {
    let mut shown = String::new();
    let composed = std::str::from_utf8(name).is_ok_and(is_nfc);
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            let plain = c.is_ascii_graphic() && c != '%' || c == ' ';
            if plain || composed && !c.is_ascii() && is_visible(c) && !c.is_whitespace() {
                shown.push(c);
            } else {
                shown += &RawName(c.to_string().into_bytes()).to_string();
            }
        }
        shown += &RawName(chunk.invalid().to_vec()).to_string();
    }
    // A space that ends a line is not seen.
    match shown.strip_suffix(' ') {
        Some(rest) => format!("{rest}%20"),
        None => shown,
    }
}

/// The word that records have for something.
pub(super) fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

const NANOSECONDS: i128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_where_nothing_else_looks_like_them() {
        let check = |name: &[u8], expected: &str| assert_eq!(readable(name), expected);
        check("/a b/Geschäft/日本語.txt".as_bytes(), "/a b/Geschäft/日本語.txt");
        check(b"100%", "100%25");
        check(b"a%41", "a%2541");
        check(b"a\tb\nc\x1b[2J", "a%09b%0Ac%1B[2J");
        check(b"caf\xe9", "caf%E9");
        // Composed, decomposed; what is not seen; a space of another kind, and one at the end.
        check("ä".as_bytes(), "ä");
        check("a\u{308}".as_bytes(), "a%CC%88");
        check("ä\u{202E}gpj.exe".as_bytes(), "ä%E2%80%AEgpj.exe");
        check("a\u{A0}b ".as_bytes(), "a%C2%A0b%20");
    }

    #[test]
    fn times_are_those_of_rfc_3339() {
        let check = |ns: i128, zone: Zone, expected: &str| {
            let stamp = Stamp { of: TimeKind::Modified, from: "inode".to_owned(), ns, zone };
            assert_eq!(time(&stamp), expected);
        };
        check(0, Zone::Recorded, "1970-01-01T00:00:00Z");
        check(1_299_693_600_500_000_000, Zone::Recorded, "2011-03-09T18:00:00.500Z");
        check(-1, Zone::Recorded, "1969-12-31T23:59:59.999999999Z");
        check(0, Zone::None, "1970-01-01T00:00:00 (local)");
        check(300_000_000_000_i128 * NANOSECONDS, Zone::Recorded, "300000000000000000000 ns");
    }
}
