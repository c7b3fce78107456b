//! Whether facts can have come from the looks that are recorded.

use scope::facts::{Facts, Kind, Layer, Look};
use scope::mail::MailFact;

/// The first look whose facts are there although it is not recorded as taken.
pub(super) fn undeclared(facts: &Facts) -> Option<Look> {
    let has = |look| {
        facts.failures.iter().any(|failure| failure.look == look)
            || match look {
                Look::Metadata => false, // every record has these
                Look::Type => facts.type_fact.is_some(),
                Look::Hash => facts.hash.is_some(),
                Look::Content => {
                    !facts.keywords.is_empty() || !facts.mail.is_empty() || facts.container.is_some()
                }
            }
    };
    Look::ALL.into_iter().find(|look| has(*look) && !facts.looks.contains(look))
}

/// Looks that were taken and left neither a fact nor a failure, and facts that no look gives.
///
/// A missing fact is unknown, and what is unknown may be left: a record could hide an item that way.
pub(super) fn unsound(facts: &Facts, keyword_lists: &[String], mail_selectors: &[String]) -> Vec<String> {
    if !facts.kind.has_content() {
        let of_content = facts.type_fact.is_some()
            || facts.hash.is_some()
            || !facts.keywords.is_empty()
            || !facts.mail.is_empty()
            || facts.slack.is_some()
            || facts.container.is_some();
        return match of_content {
            true => vec!["there are facts about the content of a kind that has none".to_owned()],
            false => Vec::new(),
        };
    }
    let mut found = Vec::new();
    let is_whole = facts.slack.is_none_or(|slack| {
        slack.size > 0 && matches!(slack.of, Kind::File | Kind::Stream) && facts.size.is_some()
    });
    if (facts.kind == Kind::Slack) != facts.slack.is_some() || !is_whole {
        found.push(
            "a slack whose file or length is not stated, or a fact of slack about another kind".to_owned(),
        );
    }
    if matches!(facts.kind, Kind::Unallocated) && (!facts.names.is_empty() || facts.looks != [Look::Metadata])
    {
        found.push("unallocated space with a name, or looked at".to_owned());
    }
    if facts.keywords.iter().any(|fact| fact.text.is_some() && fact.layer == Layer::None) {
        found.push("the text of a content that has none".to_owned());
    }
    if !facts.mail.iter().all(MailFact::is_sound) {
        found.push("a fact about mail whose numbers cannot be of one file".to_owned());
    }
    for look in &facts.looks {
        let failed = facts.failures.iter().any(|failure| failure.look == *look);
        let lists = facts.keywords.iter().map(|fact| &fact.list);
        let selectors = facts.mail.iter().map(|fact| &fact.selector);
        let there = match look {
            Look::Metadata => true,
            Look::Type => facts.type_fact.is_some(),
            Look::Hash => facts.hash.is_some(),
            Look::Content => lists.eq(keyword_lists) && selectors.eq(mail_selectors),
        };
        if !there && !failed {
            found.push(format!(
                "the look {} was taken, and left neither its facts nor a failure",
                look.word()
            ));
        }
    }
    found
}
