//! `[[rule]]`.

use std::collections::BTreeSet;

use super::doc::Doc;
use super::fields::{Section, shown};
use super::head::owned;
use super::{Ids, array, check_reference};
use crate::policy::{Effect, Rule};

pub(super) fn rules(doc: &mut Doc<'_>, root: &Section<'_>, ids: &Ids<'_>) -> Vec<Rule> {
    root.need(doc, "rule", "what is not included is out: add a [[rule]] with effect = \"include\"");
    let mut seen = BTreeSet::new();
    let mut rules = Vec::new();
    for value in array(doc, root, "rule") {
        const KNOWN: &[&str] = &["id", "effect", "text", "basis", "any", "all", "unless", "to", "ground"];
        let mut table = Section::open(doc, "[[rule]]", value, KNOWN, &[]);
        let id = table.text(doc, "id", "give the rule an id such as \"I-1\"");
        if !id.is_empty() {
            if !is_rule_id(&id) {
                let hint = "a rule id has 1 to 32 letters, digits, `.`, `-` and `_`, as in I-1".to_owned();
                doc.report(table.span_of("id"), format!("`{}` cannot name a rule", shown(&id)), Some(hint));
            }
            if !seen.insert(id.clone()) {
                doc.report(table.span_of("id"), format!("two rules are called `{}`", shown(&id)), None);
            }
            table.name = format!("rule `{}`", shown(&id));
        }
        rules.push(rule(doc, &table, id, ids));
    }
    rules
}

fn rule(doc: &mut Doc<'_>, table: &Section<'_>, id: String, ids: &Ids<'_>) -> Rule {
    let effects = Effect::ALL.map(|effect| (effect.word(), effect));
    let effect = table.word(doc, "effect", &effects);
    let to = table.maybe_text(doc, "to");
    let ground = table.maybe_text(doc, "ground");
    match (effect, &to) {
        (Some(Effect::Hold), None) if !doc.faulty => {
            let hint = "name the compartment: to = \"...\"".to_owned();
            doc.report(table.span.clone(), format!("{} holds for nobody", table.name), Some(hint));
        }
        (Some(Effect::Hold), Some(to)) => {
            check_reference(doc, table.span_of("to"), to, &ids.compartments, "compartment");
        }
        (Some(other), Some(_)) => {
            let message = format!("`to` belongs to `hold`, and {} is `{}`", table.name, other.word());
            doc.report(table.span_of("to"), message, None);
        }
        _ => {}
    }
    if ground.is_some() && matches!(effect, Some(Effect::Include | Effect::Exclude)) {
        doc.report(table.span_of("ground"), "`ground` belongs to `hold` and `withhold`", None);
    }
    let text = table.text(doc, "text", "say in the authority's words what the rule means");
    let basis = table.text(doc, "basis", "say where the order says so");
    let mut selectors = |key: &str| {
        let found = table.texts(doc, key);
        for (span, selector) in &found {
            check_reference(doc, span.clone(), selector, &ids.selectors, "selector");
        }
        owned(found)
    };
    let (any, all, unless) = (selectors("any"), selectors("all"), selectors("unless"));
    if table.get("any").is_none() && table.get("all").is_none() && !doc.faulty {
        let hint = "it would match every item; name selectors in `any` or `all`".to_owned();
        doc.report(table.span.clone(), format!("{} has neither `any` nor `all`", table.name), Some(hint));
    }
    Rule { id, effect: effect.unwrap_or(Effect::Exclude), to, ground, text, basis, any, all, unless }
}

fn is_rule_id(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.bytes().next().is_some_and(|c| c.is_ascii_alphanumeric())
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_'))
}
