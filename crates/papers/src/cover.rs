//! The cover sheet of an approval: what is approved, for which medium, relative to which trust file.
//!
//! A trust file may change, and a rendering may not: so the eight words that
//! stand for the trust file are printed here, to be compared with those that
//! `ambit-verify` prints at the head of every report.

use scope::render::document::{Block, Document, Mark, Row, Run, Text};
use scope::{Digest, Language, Policy};

use crate::paper::{Paper, issued, markdown};
use crate::words::{Word, role, word};

/// What the cover sheet says beside the policy.
#[derive(Clone, Debug)]
pub struct Cover<'a> {
    /// The policy that is approved.
    pub policy: &'a Policy,
    /// The language in which it is read, and approved.
    pub language: Language,
    /// The custody log's origin.
    pub origin: &'a str,
    /// The trust file's digest.
    pub trust: Digest,
    /// The eight words that stand for it.
    pub words: &'a str,
    /// Whom the trust file names.
    pub people: Vec<Person<'a>>,
}

/// Somebody whom the trust file names.
#[derive(Clone, Debug)]
pub struct Person<'a> {
    /// Who it is.
    pub person: &'a str,
    /// Of which organisation.
    pub organisation: &'a str,
    /// What they may sign as: words of the trust file.
    pub roles: Vec<&'a str>,
}

pub(crate) fn paper(cover: &Cover<'_>) -> Paper {
    let Cover { policy, language, origin, trust, words, people } = cover;
    let say = |own| word(*language, own);
    let code = |text: String| Text::from(Run::Code(text));
    let fact = |own, value: Text| (Text::from(say(own)), value);
    let media = policy.target().media.iter().map(|medium| {
        let ids = medium.ids.iter().map(|(kind, id)| format!("{} {id}", language.identity(*kind)));
        let runs = [
            Run::Given(medium.label.clone()),
            Run::Words(": ".into()),
            Run::Code(ids.collect::<Vec<_>>().join(", ")),
        ];
        fact(Word::Medium, runs.into_iter().collect())
    });
    let version: Text = [
        Run::Code(policy.schema_id().to_owned()),
        Run::Words(format!(", {} {}", say(Word::Version), policy.version())),
    ]
    .into_iter()
    .collect();
    let mut facts = vec![fact(Word::Kind, version), fact(Word::PolicyId, code(policy.id().to_string()))];
    facts.push(fact(Word::Renderer, code(language.renderer().to_owned())));
    facts.push(fact(Word::MarkdownDigest, code(markdown(policy, *language).to_string())));
    facts.extend(media);
    facts.push(fact(Word::Court, Run::Given(policy.authority().court.clone()).into()));
    facts.push(fact(Word::Docket, Run::Given(policy.authority().docket.clone()).into()));
    facts.push(fact(Word::Origin, code((*origin).to_owned())));
    let rows = people.iter().enumerate().map(|(at, own)| {
        let roles: Vec<&str> = own.roles.iter().map(|own| role(*language, own)).collect();
        let [person, organisation] =
            [own.person, own.organisation].map(|text| Run::Given(text.to_owned()).into());
        let cells = [person, organisation, roles.join(", ").into()];
        Row { number: format!("2.{}", at.saturating_add(1)), cells: cells.into(), below: None }
    });
    let columns = [Word::Person, Word::Organisation, Word::Roles].map(|own| Text::from(say(own)));
    let part = |number, own| Block::Part { number, title: say(own).into() };
    let blocks = vec![
        Block::Facts(facts),
        part(1, Word::TrustWords),
        Block::Heading(Run::Words((*words).to_owned()).into()),
        Block::Facts(vec![fact(Word::TrustDigest, code(trust.to_string()))]),
        Block::Paragraph(say(Word::CompareWords).into()),
        part(2, Word::TrustNames),
        Block::Table { columns: columns.into(), rows: rows.collect(), mark: Mark::Unchecked },
    ];
    let title = Run::Given(policy.title().to_owned()).into();
    Paper {
        document: Document { language: *language, policy: policy.id(), title, blocks },
        kind: Word::CoverKind,
        markdown: None,
        signatures: Word::CoverSignatures,
        issued: issued(policy),
    }
}
