//! The loop: ask the policy, take the look that it asks for, ask again.
//!
//! ```text
//! decide -> type -> decide -> hash -> decide -> left, after three looks of four
//! ```
//!
//! A look that fails is a fact with a reason, and the atoms that wait for it
//! stay unknown: one bad file never ends a capture. Reasons name nothing of the item.

use std::io;
use std::ops::ControlFlow;
use std::sync::OnceLock;

use md5::Md5;
use scope::facts::{Facts, Failure, HashFact, Kind, Layer, Look};
use scope::mail::MailTally;
use scope::{Decision, Digest, Policy, Step, decide};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use source::archive::Place;
use source::extract::Form;
use source::{Entry, EvidenceStream, Reader, Source, SourceError, StreamFault, Unpacker};
use zeroize::Zeroizing;

use crate::container::{self, Budget, EachMember};
use crate::ending;
use crate::keywords::{SearcherError, Searchers};
use crate::magic;
use crate::mail::look_at_mail;
use crate::reading::Begin;
use crate::reopened::Reopened;
use crate::text::look_at_text;

/// How to examine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Options {
    /// Compute MD5 beside SHA-256.
    pub md5: bool,
    /// Compute SHA-1 beside SHA-256.
    pub sha1: bool,
    /// Most bytes of one item held in memory. A larger item is read again for each look, and again to keep it.
    pub buffer: usize,
}

impl Default for Options {
    /// SHA-256 alone, and 16 MiB per item: two workers and the parts they write stay well below 100 MiB.
    fn default() -> Self {
        Self { md5: false, sha1: false, buffer: 16 << 20 }
    }
}

/// An item, looked at as deep as its decision needed.
#[derive(Debug)]
pub struct Examined {
    /// What the looks found.
    pub facts: Facts,
    /// What becomes of the item.
    pub decision: Decision,
    /// The whole content, where a look read it and it fitted the buffer.
    pub content: Option<Zeroizing<Vec<u8>>>,
}

/// Why items cannot be examined under this policy at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExamineError {
    /// The keyword lists cannot be searched for.
    #[error(transparent)]
    Keywords(#[from] SearcherError),
    /// The policy asked for a look that had been taken.
    #[error("the policy asked twice for the look `{}`", .0.word())]
    AskedTwice(Look),
    /// A list of digests could not be read when it was asked, or is another file by now.
    #[error("the list {0}")]
    List(String),
}

/// One policy, ready to examine items. Many threads may use it at once.
#[derive(Debug)]
pub struct Examiner<'a> {
    policy: &'a Policy,
    options: Options,
    /// Built when the first item needs it: most policies never look at content.
    searchers: OnceLock<Result<Searchers, SearcherError>>,
    /// What opens containers.
    unpacker: Unpacker,
}

/// Examines one item. For many, build an [`Examiner`] once.
///
/// # Errors
///
/// [`ExamineError`] where the policy itself stands in the way; never for what the item holds.
pub fn examine(
    policy: &Policy,
    entry: &Entry,
    source: &dyn Source,
    options: &Options,
) -> Result<Examined, ExamineError> {
    Examiner::new(policy, *options).examine(entry, source)
}

impl<'a> Examiner<'a> {
    /// Prepares to examine items under `policy`.
    #[must_use]
    pub fn new(policy: &'a Policy, options: Options) -> Self {
        Self { policy, options, searchers: OnceLock::new(), unpacker: Unpacker::default() }
    }

    /// Containers are opened where `reader` says, as media are; otherwise in this process.
    #[must_use]
    pub fn reading(self, reader: &Reader) -> Self {
        Self { unpacker: Unpacker::new(reader), ..self }
    }

    /// In which way what opened containers was not confined.
    #[must_use]
    pub fn unconfined(&self) -> Option<String> {
        let how = self.unpacker.unconfined()?;
        Some(format!("the process that opens archives is not confined: {how}"))
    }

    pub(crate) fn unpacker(&self) -> &Unpacker {
        &self.unpacker
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &'a Policy {
        self.policy
    }

    /// How items are examined.
    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// Examines one item.
    ///
    /// # Errors
    ///
    /// [`ExamineError`] where the policy itself stands in the way; never for what the item holds.
    pub fn examine(&self, entry: &Entry, source: &dyn Source) -> Result<Examined, ExamineError> {
        self.examine_each(entry, source, &mut |_, _, _| ControlFlow::Continue(()))
    }

    /// Examines one item. Where that is a container which the policy opens, `each` sees every member of it first, and their
    /// members before them.
    ///
    /// # Errors
    ///
    /// As [`Examiner::examine`].
    pub fn examine_each(
        &self,
        entry: &Entry,
        source: &dyn Source,
        each: &mut EachMember<'_>,
    ) -> Result<Examined, ExamineError> {
        self.examine_within(entry, source, &Budget::of(entry.facts.content_size().unwrap_or(0)), each)
    }

    /// As [`Examiner::examine_each`], for what may still be opened in the item's outermost container.
    pub(crate) fn examine_within(
        &self,
        entry: &Entry,
        source: &dyn Source,
        budget: &Budget,
        each: &mut EachMember<'_>,
    ) -> Result<Examined, ExamineError> {
        let mut facts = entry.facts.clone();
        let mut content = None;
        loop {
            let step = decide(self.policy, &facts);
            if let Some(why) = self.policy.list_trouble() {
                return Err(ExamineError::List(why));
            }
            let look = match step {
                Step::Decided(decision) => return Ok(Examined { facts, decision, content }),
                Step::Look(look) => look,
            };
            if facts.looks.contains(&look) {
                return Err(ExamineError::AskedTwice(look));
            }
            if facts.kind.has_content() {
                self.take(look, entry, source, &mut facts, &mut content)?;
            }
            // A container's type may be asked for after its digest: the looks stand in their order all the same.
            let at = facts.looks.partition_point(|taken| *taken < look);
            facts.looks.insert(at, look);
            if facts.container.is_none() && scope::opens(self.policy, &facts) {
                match container::open(self, entry, &facts, source, budget, each)? {
                    Ok(held) => facts.container = Some(held),
                    Err(reason) => facts.failures.push(Failure::new(Look::Content, &reason)),
                }
            }
        }
    }

    fn take(
        &self,
        look: Look,
        entry: &Entry,
        source: &dyn Source,
        facts: &mut Facts,
        content: &mut Option<Zeroizing<Vec<u8>>>,
    ) -> Result<(), ExamineError> {
        let outcome = match look {
            Look::Metadata => Ok(()), // the walker took it
            Look::Type => self.look_at_type(entry, source, facts, content),
            Look::Hash => self.look_at_hash(entry, source, facts, content),
            Look::Content => self.look_at_content(entry, source, facts, content)?,
        };
        if let Err(reason) = outcome {
            facts.failures.push(Failure::new(look, &reason));
        }
        Ok(())
    }

    /// Reads the whole content once, and keeps it if it fits the buffer.
    fn look_at_hash(
        &self,
        entry: &Entry,
        source: &dyn Source,
        facts: &mut Facts,
        content: &mut Option<Zeroizing<Vec<u8>>>,
    ) -> Result<(), String> {
        if let Some(kept) = content.as_deref() {
            facts.hash = Some(self.digests(kept));
            return Ok(());
        }
        let mut sha256 = Sha256::new();
        let mut md5 = self.options.md5.then(Md5::new);
        let mut sha1 = self.options.sha1.then(Sha1::new);
        *content = self.read_all(entry, source, facts.size, &mut |piece| {
            sha256.update(piece);
            if let Some(md5) = &mut md5 {
                md5.update(piece);
            }
            if let Some(sha1) = &mut sha1 {
                sha1.update(piece);
            }
        })?;
        facts.hash = Some(HashFact {
            sha256: Digest(sha256.finalize().into()),
            md5: md5.map(|state| scope::digest::hex(&state.finalize())),
            sha1: sha1.map(|state| scope::digest::hex(&state.finalize())),
        });
        Ok(())
    }

    fn digests(&self, content: &[u8]) -> HashFact {
        HashFact {
            sha256: Digest(Sha256::digest(content).into()),
            md5: self.options.md5.then(|| scope::digest::hex(&Md5::digest(content))),
            sha1: self.options.sha1.then(|| scope::digest::hex(&Sha1::digest(content))),
        }
    }

    /// Reads the first bytes and no more. A member has to be unpacked from its beginning each time, so one that fits the
    /// buffer is read once.
    fn look_at_type(
        &self,
        entry: &Entry,
        source: &dyn Source,
        facts: &mut Facts,
        content: &mut Option<Zeroizing<Vec<u8>>>,
    ) -> Result<(), String> {
        let fits = |size| usize::try_from(size).is_ok_and(|size| size <= self.options.buffer);
        if facts.kind == Kind::Member && facts.size.is_some_and(fits) {
            // Where its end cannot be read, its first bytes may be.
            *content = self.read_all(entry, source, facts.size, &mut |_| {}).unwrap_or_default();
        }
        let mut found = match content.as_deref() {
            Some(kept) => magic::detect(kept.get(..magic::HEAD).unwrap_or(kept)),
            None => magic::detect(&head(entry, source)?),
        };
        if scope::asks_for_end(self.policy, facts.kind_for_rules(), &found.name) {
            let end = match content.as_deref() {
                Some(kept) => ending::of(kept),
                None => Reopened::new(source, entry, 0)
                    .map_err(|error| cannot_open(&error))
                    .and_then(|bytes| ending::of(&bytes)),
            };
            found.end = Some(end?);
        }
        facts.type_fact = Some(found);
        Ok(())
    }

    /// Searches the content for the policy's keywords, and compares the messages in it with what the policy asks of mail.
    fn look_at_content(
        &self,
        entry: &Entry,
        source: &dyn Source,
        facts: &mut Facts,
        content: &mut Option<Zeroizing<Vec<u8>>>,
    ) -> Result<Result<(), String>, ExamineError> {
        let tests = self.policy.mail_tests();
        if tests.is_empty() && self.policy.keyword_lists().is_empty() {
            // A container is opened, and nothing is searched for.
            return Ok(Ok(()));
        }
        let searched = if tests.is_empty() || !self.policy.keyword_lists().is_empty() {
            self.search(entry, source, facts, content)?
        } else {
            head(entry, source).map(|head| magic::detect(&head).name)
        };
        let name = match searched {
            _ if tests.is_empty() => return Ok(searched.map(|_| ())),
            Ok(name) => name,
            Err(reason) => {
                // What cannot be read cannot be told to be no mail.
                facts.mail = tests
                    .into_iter()
                    .map(|(id, test)| MailTally::new(id, test).fact(Layer::Unread))
                    .collect();
                return Ok(Err(reason));
            }
        };
        let (mail, read) = look_at_mail(&tests, &name, entry, source);
        facts.mail = mail;
        Ok(read)
    }

    /// Searches the content for the policy's keywords: in memory where an earlier look kept it. Returns its type.
    fn search(
        &self,
        entry: &Entry,
        source: &dyn Source,
        facts: &mut Facts,
        content: &mut Option<Zeroizing<Vec<u8>>>,
    ) -> Result<Result<String, String>, ExamineError> {
        let build = || Searchers::new(&self.policy.keyword_lists());
        let searchers = self.searchers.get_or_init(build).as_ref().map_err(|error| *error)?;
        let mut search = searchers.exact.start();
        let mut reading = Begin::new(searchers);
        let mut head = Zeroizing::new(Vec::with_capacity(magic::HEAD));
        let mut see = |piece: &[u8]| {
            let missing = magic::HEAD.saturating_sub(head.len());
            let (first, rest) = piece.split_at(missing.min(piece.len()));
            head.extend_from_slice(first);
            search.feed(piece);
            reading.feed(&head, rest);
        };
        let outcome = match content.as_deref() {
            Some(kept) => {
                see(kept);
                Ok(())
            }
            None => self.read_all(entry, source, facts.size, &mut see).map(|read| *content = read),
        };
        // The layer needs the type even where the policy does not let it be recorded.
        let name = magic::detect(&head).name;
        let raw = search.finish();
        let read = reading.finish(&head);
        let form = match name.as_str() {
            "ooxml" => Some(Form::Ooxml),
            "html" => Some(Form::Html),
            "text-utf-16" => None,
            "xml" => read.as_ref().filter(|read| read.plain.is_rooted()).map(|_| Form::Html),
            _ => read.as_ref().filter(|read| read.plain.is_page()).map(|_| Form::Html),
        };
        let text = match form.filter(|_| outcome.is_ok()) {
            Some(form) => look_at_text(searchers, form, entry, source),
            None => Ok(None),
        };
        let (text, outcome) = match text {
            Ok(text) => (text, outcome),
            Err(reason) => (None, Err(reason)),
        };
        facts.keywords = raw.facts(&name, outcome.is_ok(), read.as_ref(), text);
        Ok(outcome.map(|()| name))
    }

    /// Whether the content of an examined item can be read to its end: as a look did, or once more.
    pub(crate) fn can_read(&self, entry: &Entry, source: &dyn Source, examined: &Examined) -> bool {
        let Examined { facts, content, .. } = examined;
        content.is_some()
            || facts.hash.is_some()
            || self.read_all(entry, source, facts.size, &mut |_| {}).is_ok()
    }

    /// Reads the content to its end, each piece through `see`. Returns all of it where it fits the buffer.
    ///
    /// An error is a reason in words that name nothing of the item.
    fn read_all(
        &self,
        entry: &Entry,
        source: &dyn Source,
        size: Option<u64>,
        see: &mut dyn FnMut(&[u8]),
    ) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
        let mut stream = source.open(entry).map_err(|error| cannot_open(&error))?;
        let declared = stream.declared_len();
        if size.is_some_and(|size| size != declared) {
            return Err(format!("size is {}, and {declared} bytes are declared", size.unwrap_or(0)));
        }
        // Room for all of it from the start: a vector that grew would leave copies behind, unwiped.
        let room = usize::try_from(declared).ok().filter(|length| *length <= self.options.buffer);
        let mut kept = room.map(|length| Zeroizing::new(Vec::with_capacity(length)));
        let mut piece = Zeroizing::new(vec![0; PIECE]);
        let mut total = 0_u64;
        loop {
            let count = read(stream.as_mut(), &mut piece).map_err(|error| cannot_read(&error, total))?;
            let Some(bytes) = piece.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
            total = total.saturating_add(bytes.len() as u64);
            if total > declared {
                return Err(format!("content goes on after its declared {declared} bytes"));
            }
            if let Some(kept) = &mut kept {
                kept.extend_from_slice(bytes);
            }
            see(bytes);
        }
        if total < declared {
            return Err(format!("content ended after {total} of {declared} bytes"));
        }
        Ok(kept)
    }
}

/// Reads the first bytes and no more.
fn head(entry: &Entry, source: &dyn Source) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut stream = source.open(entry).map_err(|error| cannot_open(&error))?;
    let declared = stream.declared_len();
    let expected = usize::try_from(declared).unwrap_or(usize::MAX).min(magic::HEAD);
    let mut head = Zeroizing::new(vec![0; expected]);
    let mut filled = 0;
    while let Some(rest) = head.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match read(stream.as_mut(), rest).map_err(|error| cannot_read(&error, filled as u64))? {
            0 => return Err(format!("content ended after {filled} of {declared} bytes")),
            count => filled = filled.saturating_add(count),
        }
    }
    Ok(head)
}

/// Reads some bytes; 0 at the end.
fn read(stream: &mut dyn EvidenceStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

pub(crate) fn cannot_open(error: &SourceError) -> String {
    match error {
        SourceError::Read(fault) if fault.is_of_archive() => return of_archive(),
        SourceError::Io(_, error) if StreamFault::is_of_archive(error) => return of_archive(),
        SourceError::Read(_) => "the medium could not be read",
        SourceError::Io(_, error) => return format!("the content could not be opened: {}", error.kind()),
        // These words are ours.
        SourceError::NoContent(why) if why == Place::ENCRYPTED => Place::ENCRYPTED,
        SourceError::NoContent(why) if why == Place::METHOD => Place::METHOD,
        SourceError::NoContent(why) if why == Place::HOLES => Place::HOLES,
        SourceError::NoContent(_) => "the content is of a form that cannot be read",
        SourceError::Changed(_) => "the item changed since the walk",
        SourceError::Corrupt(_) => "the file system is damaged where the content should be",
        _ => "the content could not be opened",
    }
    .to_owned()
}

/// Why a look at a member failed that its archive contradicts.
pub(crate) fn of_archive() -> String {
    format!("{}not as long as it says, cannot be unpacked, or has another check sum", Failure::OF_ARCHIVE)
}

fn cannot_read(error: &io::Error, total: u64) -> String {
    match StreamFault::of(error) {
        _ if StreamFault::is_of_archive(error) => of_archive(),
        Some(fault @ (StreamFault::Short { .. } | StreamFault::Long { .. })) => fault.to_string(),
        Some(StreamFault::ChangedDuringRead(_)) => "the item changed while it was read".to_owned(),
        _ => format!("read error after {total} bytes: {}", error.kind()),
    }
}

/// How much is read at once: 64 KiB, past which larger reads gain nothing measurable.
const PIECE: usize = 64 << 10;
