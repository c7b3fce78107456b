//! The names of an entry: each under which some program shows it.
//!
//! Implements `docs/spec/containers.md`, "Names".
//!
//! ```text
//! ./docs/a.txt        docs/a.txt
//! docs\a.txt          docs\a.txt, docs/a.txt
//! Anw\x84ltin.txt     doubtful: nobody says which letters these are
//! ```

/// What an entry is called.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Names {
    /// As it stands in the archive, without parts that are `.`.
    pub(super) name: Vec<u8>,
    /// As other programs have it.
    pub(super) also: Vec<Vec<u8>>,
    /// Whether there is one that nobody can tell.
    pub(super) doubtful: bool,
}

impl Names {
    /// The names of an entry that is called so.
    pub(super) fn of(raw: &[u8]) -> Self {
        let mut names = Self { name: without(raw, |part| part == b"."), also: Vec::new(), doubtful: false };
        names.spell(raw);
        names
    }

    /// Adds what another place calls it.
    pub(super) fn and(mut self, raw: &[u8]) -> Self {
        self.add(without(raw, |part| part == b"."));
        self.spell(raw);
        self
    }

    /// The names that programs make of one: up to a zero byte, with other slashes, without parts that are empty.
    fn spell(&mut self, raw: &[u8]) {
        let cut = raw.split(|byte| *byte == 0).next().unwrap_or_default();
        for spelled in [raw, cut] {
            let turned: Vec<u8> =
                spelled.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect();
            for spelled in [spelled, &turned] {
                self.add(without(spelled, |part| part == b"."));
                self.add(without(spelled, |part| part == b"." || part.is_empty()));
            }
            self.doubtful |= turned.split(|byte| *byte == b'/').any(|part| part == b"..");
        }
        self.doubtful |= cut.len() != raw.len() || std::str::from_utf8(raw).is_err();
        self.doubtful |= without(raw, |part| part == b"." || part.is_empty()).is_empty();
    }

    fn add(&mut self, name: Vec<u8>) {
        if !name.is_empty() && name != self.name && !self.also.contains(&name) {
            self.also.push(name);
        }
    }
}

/// A name without some of its parts.
fn without(name: &[u8], left_out: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let parts: Vec<&[u8]> = name.split(|byte| *byte == b'/').filter(|part| !left_out(part)).collect();
    parts.join(&b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &[u8], name: &[u8], also: &[&[u8]], doubtful: bool) {
        let also = also.iter().map(|name| name.to_vec()).collect();
        assert_eq!(Names::of(raw), Names { name: name.to_vec(), also, doubtful }, "{}", raw.escape_ascii());
    }

    #[test]
    fn an_entry_has_each_name_that_a_program_shows() {
        check(b"a/b.txt", b"a/b.txt", &[], false);
        check("Anw\u{e4}ltin.txt".as_bytes(), "Anw\u{e4}ltin.txt".as_bytes(), &[], false);
        check(b"./a/./b.txt", b"a/b.txt", &[], false);
        check(b"docs\\priv\\b.txt", b"docs\\priv\\b.txt", &[b"docs/priv/b.txt"], false);
        check(b".\\b.txt", b".\\b.txt", &[b"b.txt"], false);
        check(b"/a//b", b"/a//b", &[b"a/b"], false);
        let names = Names::of(b"a.txt").and(b"b\\c");
        assert_eq!((names.also, names.doubtful), (vec![b"b\\c".to_vec(), b"b/c".to_vec()], false));
    }

    #[test]
    fn what_nobody_can_tell_is_doubtful() {
        check(b"Anw\x84ltin.txt", b"Anw\x84ltin.txt", &[], true);
        check(b"a/../b", b"a/../b", &[], true);
        check(b"a.eml\0.jpg", b"a.eml\0.jpg", &[b"a.eml"], true);
        check(b"", b"", &[], true);
        check(b"./", b"", &[], true);
        let dots = Names::of(b"a\\..\\b");
        assert!(dots.doubtful && dots.also == [b"a/../b".to_vec()]);
    }
}
