//! Reading an attestation: one spelling per statement.

use std::iter::Peekable;
use std::str::{FromStr, Split};

use scope::Digest;

use super::{
    Archives, Attestation, COMPARED, Counts, Ending, ItemVerdict, MAX_ATTESTATION, NAMESPACE, NOT_COMPARED,
    Part, Portion, Prefix, Replay, Run, SetVerdict, Statement, Unread, Verdict, Volume, Within,
};
use crate::event::{Tool, TreeHead};
use crate::item::Control;
use crate::listing::{Form, Listed};
use crate::report::Compared;
use crate::trust::{is_invisible, is_origin};

/// Why a text is not an attestation.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("attestation line {line}: {what}")]
pub struct AttestationError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub what: String,
}

impl Attestation {
    /// Reads an attestation.
    ///
    /// # Errors
    ///
    /// [`AttestationError`] for anything but the bytes that [`Attestation::to_bytes`] gives; so also for a sentence
    /// that does not follow from the fields.
    pub fn parse(bytes: &[u8]) -> Result<Self, AttestationError> {
        let fail = |line, what: &str| AttestationError { line, what: what.to_owned() };
        if bytes.len() as u64 > MAX_ATTESTATION {
            return Err(fail(1, "longer than any attestation"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| fail(1, "not UTF-8"))?;
        let body = text.strip_suffix('\n').ok_or_else(|| fail(1, "the last line does not end"))?;
        let mut lines = Lines { lines: body.split('\n').peekable(), at: 0 };
        if lines.next() != Some(NAMESPACE) {
            return Err(fail(1, &format!("expected `{NAMESPACE}`")));
        }
        let word = lines.must("statement")?.to_owned();
        let statement_at = lines.at;
        let origin = lines.visible("origin")?;
        if !is_origin(&origin) {
            return Err(lines.fail("not an origin"));
        }
        let medium = lines.visible("medium")?;
        let package = lines.value("package")?;
        let tagmanifest = lines.value("tagmanifest")?;
        let log = lines.head("log")?;
        let policy = lines.value("policy")?;
        let inventory = lines.head("inventory")?;
        let statement = match word.as_str() {
            "auditor.replay" => Statement::Replay(lines.replay()?),
            "auditor.prefix" => Statement::Prefix(lines.prefix()?),
            "holder.verdict" => Statement::Holder(lines.holder()?),
            _ => return Err(fail(statement_at, "a statement that this version does not know")),
        };
        let trust = lines.visible("trust")?;
        let trust_compared = match lines.must("trust-words")? {
            COMPARED => true,
            NOT_COMPARED => false,
            _ => return Err(lines.fail("expected `compared` or `not-compared`")),
        };
        let when = lines.value("when")?;
        let tool = lines.tool()?;
        let read = Self {
            origin,
            medium,
            package,
            tagmanifest,
            log,
            policy,
            inventory,
            statement,
            trust,
            trust_compared,
            when,
            tool,
        };
        // The sentences follow from the fields; so does every spelling.
        let again = read.to_bytes();
        if again != bytes {
            let same = text.split('\n').zip(again.split(|byte| *byte == b'\n'));
            let line = same.take_while(|(a, b)| a.as_bytes() == *b).count().saturating_add(1);
            return Err(fail(line, "not what the fields say, or not in its one spelling"));
        }
        Ok(read)
    }
}

/// The lines, each a name and a value.
struct Lines<'a> {
    lines: Peekable<Split<'a, char>>,
    at: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a str> {
        self.at = self.at.saturating_add(1);
        self.lines.next()
    }

    fn fail(&self, what: &str) -> AttestationError {
        AttestationError { line: self.at, what: what.to_owned() }
    }

    fn must(&mut self, name: &str) -> Result<&'a str, AttestationError> {
        let value = self.next().and_then(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.ok_or_else(|| self.fail(&format!("expected `{name}`")))
    }

    /// The value of the next line, if it has this name.
    fn may(&mut self, name: &str) -> Option<&'a str> {
        let value = self.lines.peek().and_then(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        self.next();
        Some(value)
    }

    fn value<T: FromStr>(&mut self, name: &str) -> Result<T, AttestationError> {
        let text = self.must(name)?;
        text.parse().map_err(|_| self.fail(&format!("`{name}` has a value of another kind")))
    }

    /// The value of the next line, if it has this name.
    fn may_value<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, AttestationError> {
        let Some(text) = self.may(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| self.fail(&format!("`{name}` has a value of another kind")))
    }

    fn visible(&mut self, name: &str) -> Result<String, AttestationError> {
        let text = self.must(name)?;
        self.is_visible(text)
    }

    fn may_visible(&mut self, name: &str) -> Result<Option<String>, AttestationError> {
        self.may(name).map(|text| self.is_visible(text)).transpose()
    }

    fn is_visible(&self, text: &str) -> Result<String, AttestationError> {
        let holds = !text.is_empty()
            && text.trim() == text
            && text.chars().count() <= MAX_TEXT
            && !text.chars().any(|c| c.is_control() || is_invisible(c));
        if holds { Ok(text.to_owned()) } else { Err(self.fail("expected 1 to 200 visible characters")) }
    }

    fn head(&mut self, name: &str) -> Result<TreeHead, AttestationError> {
        let (size, root) = self.two(name)?;
        Ok(TreeHead { size, root })
    }

    /// Two values with a space between them.
    fn two<A: FromStr, B: FromStr>(&mut self, name: &str) -> Result<(A, B), AttestationError> {
        let text = self.must(name)?;
        self.both(text)
    }

    fn both<A: FromStr, B: FromStr>(&self, text: &str) -> Result<(A, B), AttestationError> {
        let parsed = text.split_once(' ').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        parsed.ok_or_else(|| self.fail("expected two values"))
    }

    fn verdict(&mut self, name: &str) -> Result<Verdict, AttestationError> {
        let word = self.must(name)?;
        [Verdict::Yes, Verdict::No, Verdict::NotChecked]
            .into_iter()
            .find(|verdict| verdict.word() == word)
            .ok_or_else(|| self.fail("expected `yes`, `no` or `not-checked`"))
    }

    fn parts(&mut self) -> Result<Vec<Part>, AttestationError> {
        let mut parts = Vec::new();
        while let Some(text) = self.may("part") {
            let (file, sha256): (String, Digest) = self.both(text)?;
            let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"._/-".contains(&c);
            if file.is_empty() || file.len() > MAX_TEXT || !file.bytes().all(plain) {
                return Err(self.fail("not the name of a part"));
            }
            parts.push(Part { file, sha256 });
        }
        Ok(parts)
    }

    fn tool(&mut self) -> Result<Tool, AttestationError> {
        let text = self.visible("tool")?;
        let mut words = text.split(' ');
        let (Some(name), Some(version), Some(digest), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(self.fail("expected a name, a version and a digest"));
        };
        let digest = digest.parse().map_err(|_| self.fail("not a digest"))?;
        Ok(Tool { name: name.to_owned(), version: version.to_owned(), digest })
    }

    fn replay(&mut self) -> Result<Replay, AttestationError> {
        let parts = self.parts()?;
        let records = self.value("records")?;
        let (intact, followed, matched) =
            (self.verdict("intact")?, self.verdict("followed")?, self.verdict("matched")?);
        let other_medium = self.may_visible("other-medium")?;
        let compared = self.compared()?;
        let listing = self.listing()?;
        let mut findings: Vec<(String, u64)> = Vec::new();
        while let Some(text) = self.may("finding") {
            let (kind, count): (String, u64) = self.both(text)?;
            let word = !kind.is_empty()
                && kind.len() <= MAX_TEXT
                && kind.bytes().all(|c| c.is_ascii_lowercase() || c == b'-');
            let after = findings.last().is_none_or(|(before, _)| *before < kind);
            if !word || !after || count == 0 {
                return Err(self.fail("not a kind and a count, in order"));
            }
            findings.push((kind, count));
        }
        let departures = self.value("departures")?;
        let replay = Replay {
            parts,
            records,
            intact,
            followed,
            matched,
            other_medium,
            compared,
            listing,
            findings,
            departures,
        };
        replay.problem().map_or(Ok(replay), |problem| Err(self.fail(problem)))
    }

    fn compared(&mut self) -> Result<Option<Compared>, AttestationError> {
        let Some(text) = self.may("compared") else { return Ok(None) };
        let (objects, rest): (u64, String) = self.both(text)?;
        let (partial, not_compared) = self.both(&rest)?;
        let beyond = self.may_value("beyond")?;
        Ok(Some(Compared { objects, partial, not_compared, beyond }))
    }

    fn listing(&mut self) -> Result<Option<Listed>, AttestationError> {
        let Some(text) = self.may("listing") else { return Ok(None) };
        let (word, sha256): (String, Digest) = self.both(text)?;
        let form = Form::ALL.into_iter().find(|form| form.word() == word);
        let form = form.ok_or_else(|| self.fail("a form of listing that this version does not know"))?;
        let tool = self.may_visible("listing-tool")?;
        let volume = self.may_visible("listing-volume")?;
        let (agreed, differ) = (self.value("listing-agreed")?, self.value("listing-differ")?);
        let digests_compared = self.value("listing-digests-compared")?;
        let digests_uncompared = self.value("listing-digests-uncompared")?;
        Ok(Some(Listed { form, sha256, tool, volume, agreed, differ, digests_compared, digests_uncompared }))
    }

    fn holder(&mut self) -> Result<SetVerdict, AttestationError> {
        let set = self.value("set")?;
        let parts = self.parts()?;
        let problem = match self.verdict("checked")? {
            Verdict::Yes => None,
            Verdict::No => Some(self.visible("problem")?),
            Verdict::NotChecked => return Err(self.fail("expected `yes` or `no`")),
        };
        let (objects, bytes) = (self.value("objects")?, self.value("bytes")?);
        let mut verdicts: Vec<Run> = Vec::new();
        while let Some(text) = self.may("verdict") {
            let (word, controls) = text.split_once(' ').ok_or_else(|| self.fail("expected a verdict"))?;
            let verdict = ItemVerdict::ALL.into_iter().find(|verdict| verdict.word() == word);
            let verdict = verdict.ok_or_else(|| self.fail("a verdict that this version does not know"))?;
            let (first, last): (Control, Control) = self.both(controls)?;
            let is_run = first.series() == last.series() && first <= last;
            if !is_run || verdicts.last().is_some_and(|before| before.last >= first) {
                return Err(self.fail("control numbers that are no run, or out of order"));
            }
            verdicts.push(Run { verdict, first, last });
        }
        let held = SetVerdict { set, parts, problem, objects, bytes, verdicts };
        held.contradiction().map_or(Ok(held), |problem| Err(self.fail(problem)))
    }

    fn prefix(&mut self) -> Result<Prefix, AttestationError> {
        let prefix = Prefix {
            parts: self.parts()?,
            records: self.value("records")?,
            path: self.value("prefix")?,
            under: Counts {
                captured: self.value("captured")?,
                held: self.value("held")?,
                listed: self.value("listed")?,
                unread: self.value("unread")?,
                left: self.value("left")?,
            },
            within: {
                let (captured, held) = self.two("within")?;
                Within { captured, held }
            },
            volumes: self.each("volume", |(locator, under, not_walked)| Volume {
                locator,
                under,
                not_walked,
            })?,
            endings: self
                .each("ending", |(all, kept, path)| Ending { path, items: Portion { all, kept } })?,
            inside: self.each("inside", |(all, kept, path)| Ending { path, items: Portion { all, kept } })?,
            other_case: {
                let (all, kept) = self.two("other-case")?;
                Portion { all, kept }
            },
            archives: {
                let made = |(opened, closed, closed_kept)| Archives { opened, closed, closed_kept };
                match self.each("archives", made)?.as_slice() {
                    [archives] => *archives,
                    _ => return Err(self.fail("expected `archives`, once")),
                }
            },
            unread: self.each("unread", |(place, length, what)| Unread { place, length, what })?,
            other_runs: std::iter::from_fn(|| self.may("other-run"))
                .map(str::parse)
                .collect::<Result<_, _>>()
                .map_err(|_| self.fail("not a run number"))?,
            unnamed_kept: self.value("unnamed-kept")?,
            unrecorded: self.value("unrecorded")?,
        };
        prefix.problem().map_or(Ok(prefix), |problem| Err(self.fail(problem)))
    }

    /// Every line of this name that comes next: three values, of which the last may have spaces in it.
    fn each<A: FromStr, B: FromStr, C: FromStr, T>(
        &mut self,
        name: &str,
        made: impl Fn((A, B, C)) -> T,
    ) -> Result<Vec<T>, AttestationError> {
        let mut all = Vec::new();
        while let Some(text) = self.may(name) {
            let mut words = text.splitn(3, ' ');
            let values = (|| {
                let (a, b, c) = (words.next()?, words.next()?, words.next()?);
                let plain =
                    !a.is_empty() && a.bytes().chain(c.bytes()).all(|byte| matches!(byte, b' '..=b'~'));
                let c = Some(c).filter(|c| plain && !c.is_empty() && c.trim() == *c)?;
                Some((a.parse().ok()?, b.parse().ok()?, c.parse().ok()?))
            })();
            all.push(made(values.ok_or_else(|| self.fail("expected three values"))?));
        }
        Ok(all)
    }
}

/// Longest text of one field, in characters.
const MAX_TEXT: usize = 200;
