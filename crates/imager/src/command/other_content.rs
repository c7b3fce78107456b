//! Content that was searched for one policy, as far as it speaks for another.
//!
//! ```text
//! ledger   terms = [alpha, beta]          hits: alpha
//! other    terms = [alpha, beta, gamma]   hits: alpha, and gamma or not
//! ```
//!
//! What the ledger has of a term or of a condition on mail holds under every policy that has the same one. Of the rest
//! each answer is tried; where all come to the same, it can be said what the item comes to.

use std::collections::BTreeSet;

use scope::Policy;
use scope::facts::{Facts, Hit, KeywordFact, Layer, Look};
use scope::mail::MailFact;

/// What was searched for under the ledger's own policy, beside what another one asks for.
pub(super) struct OtherContent {
    lists: Vec<List>,
    mail: Vec<Mail>,
}

/// A keyword list of the other policy.
struct List {
    id: String,
    /// The list of the ledger's policy with the most of these terms.
    recorded: Option<String>,
    /// For each of that list's terms its position in this one.
    places: Vec<Option<u64>>,
    /// The positions of the terms that were not searched for.
    new: Vec<u64>,
    /// How many different terms are asked for, each time it is asked.
    wanted: BTreeSet<u64>,
}

/// A condition on mail of the other policy.
struct Mail {
    selector: String,
    /// The selector of the ledger's policy with the same one.
    recorded: Option<String>,
}

/// What an item can be under the other policy, and on what that hangs.
pub(super) struct Tried {
    pub(super) each: Vec<Facts>,
    pub(super) open: Vec<String>,
}

impl OtherContent {
    pub(super) fn of(own: &Policy, other: &Policy) -> Self {
        let own_lists = own.keyword_lists();
        let lists = other.keyword_lists().into_iter().map(|list| {
            let shared = |terms: &[String]| terms.iter().filter(|term| list.terms.contains(term)).count();
            let recorded = own_lists.iter().max_by_key(|own| (shared(own.terms), own.id == list.id));
            let recorded = recorded.filter(|own| shared(own.terms) > 0);
            let terms = recorded.map_or(&[][..], |own| own.terms);
            let at = |term: &String| Some(list.terms.iter().position(|own| own == term)? as u64);
            let new = (0_u64..).zip(list.terms).filter(|(_, term)| !terms.contains(term));
            List {
                id: list.id.to_owned(),
                recorded: recorded.map(|own| own.id.to_owned()),
                places: terms.iter().map(at).collect(),
                new: new.map(|(at, _)| at).collect(),
                wanted: other.keyword_thresholds(list.id).collect(),
            }
        });
        let own_mail = own.mail_tests();
        let mail = other.mail_tests().into_iter().map(|(selector, test)| {
            let same = own_mail.iter().find(|(_, own)| *own == test);
            Mail { selector: selector.to_owned(), recorded: same.map(|(own, _)| (*own).to_owned()) }
        });
        Self { lists: lists.collect(), mail: mail.collect() }
    }

    /// What an item of these recorded facts can be; `None` where there is too much to try.
    pub(super) fn tried(&self, facts: &Facts) -> Option<Tried> {
        let mut tried = Tried { each: vec![facts.clone()], open: Vec::new() };
        if !facts.looks.contains(&Look::Content) {
            return Some(tried);
        }
        if let Some(only) = tried.each.first_mut() {
            only.keywords.clear();
            only.mail.clear();
        }
        for list in &self.lists {
            let answers = list.answers(&facts.keywords);
            tried.spread(&format!("list {}", list.id), answers, |facts, fact| facts.keywords.push(fact))?;
        }
        for mail in &self.mail {
            let answers = mail.answers(&facts.mail);
            tried.spread(&format!("selector {}", mail.selector), answers, |facts, fact| {
                facts.mail.push(fact)
            })?;
        }
        Some(tried)
    }
}

impl Tried {
    fn spread<F: Clone>(&mut self, what: &str, answers: Vec<F>, put: impl Fn(&mut Facts, F)) -> Option<()> {
        if self.each.len().saturating_mul(answers.len()) > MOST_TRIED {
            return None;
        }
        if answers.len() > 1 {
            self.open.push(what.to_owned());
        }
        let each = std::mem::take(&mut self.each).into_iter();
        let with = |facts: Facts| answers.iter().map(move |fact| (facts.clone(), fact.clone()));
        self.each = each
            .flat_map(with)
            .map(|(mut facts, fact)| {
                put(&mut facts, fact);
                facts
            })
            .collect();
        Some(())
    }
}

impl List {
    /// Every number of terms that makes a difference, in every kind of text that it can be.
    fn answers(&self, found: &[KeywordFact]) -> Vec<KeywordFact> {
        let recorded = self.recorded.as_ref().and_then(|id| found.iter().find(|own| own.list == *id));
        let known: Vec<u64> = recorded
            .iter()
            .flat_map(|own| own.terms())
            .filter_map(|term| *self.places.get(usize::try_from(term).ok()?)?)
            .collect();
        // Where the list was not searched for at all, none of its terms was.
        let new: Vec<u64> = match recorded {
            Some(_) => self.new.clone(),
            None => (0..self.places.iter().flatten().count().saturating_add(self.new.len()) as u64).collect(),
        };
        // Whether a file has a text hangs on the file.
        let layers =
            found.first().map_or(vec![Layer::Full, Layer::None, Layer::Unread], |own| vec![own.layer]);
        let more = self.wanted.iter().map(|wanted| wanted.saturating_sub(known.len() as u64));
        let counts: BTreeSet<usize> = more
            .filter_map(|more| usize::try_from(more).ok())
            .filter(|more| *more <= new.len())
            .chain([0])
            .collect();
        let answer = |layer: Layer, more: usize| {
            let terms = known.iter().chain(new.iter().take(more));
            let hits = terms.map(|term| Hit { term: *term, count: 1, offsets: Vec::new() }).collect();
            KeywordFact { list: self.id.clone(), hits, text: None, searched: 0, layer }
        };
        layers
            .into_iter()
            .flat_map(|layer| counts.iter().map(move |more| (layer, *more)))
            .map(|(l, m)| answer(l, m))
            .collect()
    }
}

impl Mail {
    /// What was recorded of the same condition; else that it fits, does not, or is unknown.
    fn answers(&self, found: &[MailFact]) -> Vec<MailFact> {
        let recorded = self.recorded.as_ref().and_then(|id| found.iter().find(|own| own.selector == *id));
        if let Some(fact) = recorded {
            return vec![MailFact { selector: self.selector.clone(), ..fact.clone() }];
        }
        let fact = |layer: Layer, fits: u64| MailFact {
            selector: self.selector.clone(),
            layer,
            messages: fits,
            fits,
            open: 0,
            offsets: Vec::new(),
            causes: Vec::new(),
        };
        // A file that holds no messages holds none for any condition.
        match found.first() {
            Some(MailFact { layer: Layer::None, .. }) => vec![fact(Layer::None, 0)],
            _ => vec![fact(Layer::Full, 1), fact(Layer::Full, 0), fact(Layer::Unread, 0)],
        }
    }
}

/// Most answers that are tried for one item.
const MOST_TRIED: usize = 500;
