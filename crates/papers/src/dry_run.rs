//! A dry run as one self-contained HTML page for counsel: counts as charts and tables, no script, no name of an item.
//!
//! Charts are inline SVG: bars on one scale per chart, each with its number in words beside it. The same values give the
//! same bytes, always.

use scope::{Digest, Language, Policy};

use crate::html::{escaped, head};

/// What a dry run counted.
#[derive(Clone, Debug)]
pub struct DryRun<'a> {
    /// The policy that was tried.
    pub policy: &'a Policy,
    /// The medium, in words: its label and form.
    pub medium: &'a str,
    /// Set where the medium was made up: by which description, and from which seed.
    pub synthetic: Option<&'a str>,
    /// When, in words.
    pub when: &'a str,
    /// All items.
    pub items: u64,
    /// Items and bytes per outcome.
    pub outcomes: Vec<(String, u64, u64)>,
    /// Per rule: its id, the items and bytes that it determined, and those that it alone did.
    pub rules: Vec<(String, [u64; 4])>,
    /// Items out of scope, and undetermined.
    pub no_rule: [(&'a str, u64, u64); 2],
    /// Items by the deepest look that was taken.
    pub looks: Vec<(&'a str, u64)>,
    /// What waited for each rule's deepest look: rule, look, condition, items.
    pub waited: Vec<(String, String, String, u64)>,
    /// What was unknown of undetermined items: condition and cause, items, bytes.
    pub unknown: Vec<(String, u64, u64)>,
    /// Per keyword list: items with no term, one, two, three or more.
    pub keywords: Vec<(String, [u64; 4])>,
    /// Time, size of the package, and whatever else there is to say: name and value.
    pub estimates: Vec<(&'a str, String)>,
    /// What is on the medium and in none of the numbers, in sentences: a missing end, volumes of which no file is read.
    pub uncovered: Vec<String>,
    /// The command that preserves such volumes, where the policy lets it.
    pub command: Option<&'a str>,
    /// What is to be noted, in sentences.
    pub notes: Vec<String>,
}

/// The page.
#[must_use]
pub fn dry_run_html(run: &DryRun<'_>) -> String {
    let id: Digest = run.policy.id();
    let kind = if run.synthetic.is_some() { "Dry run on a synthetic medium" } else { "Dry run" };
    let title = format!("{kind}: {}", run.policy.title());
    let foot =
        if run.synthetic.is_some() { format!("SYNTHETIC. Policy {id}") } else { format!("Policy {id}") };
    let mut page = head(Language::English, &title, &foot, STYLE);
    page += &format!("<p class=\"kind\">{kind}</p>\n<h1>{}</h1>\n</header>\n", escaped(run.policy.title()));
    if let Some(made) = run.synthetic {
        page += &format!(
            "<p class=\"synthetic\"><strong>Synthetic.</strong> No medium was opened. The items were made up from {}: the \
             numbers show how the policy works, not what is on anybody's medium.</p>\n",
            escaped(made)
        );
    }
    page += "<dl>\n";
    let count = match run.uncovered.is_empty() {
        true => amount(run.items),
        false => format!("{}, of what could be read: see below for what is in no count", amount(run.items)),
    };
    let facts = [("Medium", run.medium.to_owned()), ("When", run.when.to_owned()), ("Items", count)];
    for (name, value) in
        facts.into_iter().chain(run.estimates.iter().map(|(name, value)| (*name, value.clone())))
    {
        page += &format!("<dt>{}</dt><dd>{}</dd>\n", escaped(name), escaped(&value));
    }
    page += &format!("<dt>Policy</dt><dd><code>{id}</code></dd>\n</dl>\n");
    page += "<p>Nothing was taken. The page has counts alone, and no name of a file.</p>\n";
    uncovered(&mut page, run);
    outcomes(&mut page, run);
    rules(&mut page, run);
    looks(&mut page, run);
    if !run.unknown.is_empty() {
        page += "<h2>What could not be determined</h2>\n";
        let rows: Vec<_> = run.unknown.iter().map(|(what, items, _)| (what.clone(), *items)).collect();
        page += &bars("Undetermined items by what was unknown", &rows);
        page += "<p>An item can have several causes.</p>\n";
    }
    keywords(&mut page, run);
    if !run.notes.is_empty() {
        page += "<h2>Notes</h2>\n<ul>\n";
        run.notes.iter().for_each(|note| page += &format!("<li>{}</li>\n", escaped(note)));
        page += "</ul>\n";
    }
    page += &format!("</main>\n<footer>{}</footer>\n</body>\n</html>\n", escaped(&foot));
    page
}

/// Before the first number: what none of them covers.
fn uncovered(page: &mut String, run: &DryRun<'_>) {
    if run.uncovered.is_empty() {
        return;
    }
    *page += "<section class=\"uncovered\">\n<h2>In none of these numbers</h2>\n<ul>\n";
    run.uncovered.iter().for_each(|told| *page += &format!("<li>{}</li>\n", escaped(told)));
    *page += "</ul>\n";
    if let Some(command) = run.command {
        *page +=
            &format!("<p>The command that preserves the volumes:</p>\n<pre>{}</pre>\n", escaped(command));
    }
    *page += "</section>\n";
}

fn outcomes(page: &mut String, run: &DryRun<'_>) {
    *page += "<h2>What becomes of the items</h2>\n";
    let items: Vec<_> = run.outcomes.iter().map(|(outcome, items, _)| (outcome.clone(), *items)).collect();
    let bytes: Vec<_> = run.outcomes.iter().map(|(outcome, _, bytes)| (outcome.clone(), *bytes)).collect();
    *page += &bars("Items", &items);
    *page += &bars("Bytes", &bytes);
}

fn rules(page: &mut String, run: &DryRun<'_>) {
    *page += "<h2>What each rule does</h2>\n<p>An item counts under every rule that determined it: what is held or withheld under the rule that holds or withholds it. It counts as <em>alone</em> where no other \
              rule of the same effect fits, as far as was looked: what the rule brings in, takes out, holds or withholds \
              that no other does; an include counts there also what is held or withheld afterwards.</p>\n<table class=\"counts\">\n<thead><tr><th>Rule</th><th>Effect</th><th class=\"n\">Items</th>\
              <th class=\"n\">Bytes</th><th class=\"n\">Items alone</th><th class=\"n\">Bytes alone</th></tr></thead>\n";
    for rule in run.policy.rules() {
        let counts = run.rules.iter().find(|(id, _)| *id == rule.id).map_or([0; 4], |(_, counts)| *counts);
        let cells: String = counts.iter().map(|n| format!("<td class=\"n\">{}</td>", amount(*n))).collect();
        *page += &format!(
            "<tbody><tr><td>{}</td><td>{}</td>{cells}</tr>\n<tr><td></td><td colspan=\"5\" class=\"below\">{} ({})</td></tr></tbody>\n",
            escaped(&rule.id),
            rule.effect.word(),
            escaped(&rule.text),
            escaped(&rule.basis)
        );
    }
    for (what, items, bytes) in run.no_rule {
        *page += &format!(
            "<tbody><tr><td colspan=\"2\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td></td><td></td></tr></tbody>\n",
            escaped(what),
            amount(items),
            amount(bytes)
        );
    }
    *page += "</table>\n";
    let rows: Vec<_> = run.rules.iter().map(|(id, [items, ..])| (id.clone(), *items)).collect();
    *page += &bars("Items that each rule determined", &rows);
}

fn looks(page: &mut String, run: &DryRun<'_>) {
    *page += "<h2>How deep it was looked</h2>\n";
    let rows: Vec<_> = run.looks.iter().map(|(look, items)| ((*look).to_owned(), *items)).collect();
    *page += &bars("Items by the deepest look", &rows);
    if run.waited.is_empty() {
        return;
    }
    *page += "<p>Of each rule, what its deepest look was needed for:</p>\n<table class=\"counts\">\n<thead><tr><th>Rule</th>\
              <th>Look</th><th>Condition</th><th class=\"n\">Items</th></tr></thead>\n<tbody>\n";
    for (rule, look, why, items) in &run.waited {
        *page += &format!(
            "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td></tr>\n",
            escaped(rule),
            escaped(look),
            escaped(why),
            amount(*items)
        );
    }
    *page += "</tbody>\n</table>\n";
}

fn keywords(page: &mut String, run: &DryRun<'_>) {
    if run.keywords.is_empty() {
        return;
    }
    *page += "<h2>Keywords</h2>\n<p>Items whose content was looked at, whatever for, by how many different terms of a list they have.</p>\n";
    for (list, counts) in &run.keywords {
        let label = run.policy.lists().iter().find(|own| own.id == *list).map_or("", |own| &own.label);
        let words = ["none", "one", "two", "three or more"];
        let rows: Vec<_> = words.iter().zip(counts).map(|(word, n)| ((*word).to_owned(), *n)).collect();
        *page += &bars(&format!("{label} ({list})"), &rows);
    }
}

/// A chart: one bar per row, all on one scale, the number behind each.
fn bars(title: &str, rows: &[(String, u64)]) -> String {
    let most = rows.iter().map(|(_, n)| *n).max().unwrap_or(0).max(1);
    let height = rows.len().saturating_mul(STEP).saturating_add(TOP);
    let mut svg = format!(
        "<figure>\n<svg viewBox=\"0 0 800 {height}\" role=\"img\" aria-label=\"{title}\" xmlns=\"http://www.w3.org/2000/svg\">\n\
         <text class=\"title\" x=\"0\" y=\"16\">{title}</text>\n",
        title = escaped(title)
    );
    for (at, (name, n)) in rows.iter().enumerate() {
        let y = at.saturating_mul(STEP).saturating_add(TOP);
        // A bar that stands for something can be seen.
        let width = u128::from(*n).saturating_mul(WIDTH).checked_div(u128::from(most)).unwrap_or(0);
        let width = if *n > 0 { width.max(2) } else { 0 };
        let (base, after) = (y.saturating_add(15), width.saturating_add(LEFT).saturating_add(8));
        svg += &format!(
            "<text class=\"name\" x=\"{}\" y=\"{base}\">{}</text>\n",
            LEFT.saturating_sub(10),
            escaped(&cut(name))
        );
        svg += &format!("<rect x=\"{LEFT}\" y=\"{y}\" width=\"{width}\" height=\"20\"/>\n");
        svg += &format!("<text x=\"{after}\" y=\"{base}\">{}</text>\n", amount(*n));
    }
    svg + "</svg>\n</figure>\n"
}

/// A name beside a bar, where there is room for so many letters.
fn cut(name: &str) -> String {
    match name.chars().count() > ROOM {
        true => name.chars().take(ROOM.saturating_sub(3)).collect::<String>() + "...",
        false => name.to_owned(),
    }
}

/// A number as people read it: `1,234,567`.
fn amount(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && digits.len().saturating_sub(at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

const STEP: usize = 28;
const TOP: usize = 28;
/// Where bars begin, and the longest of them: room for a number stays behind it.
const LEFT: u128 = 330;
const WIDTH: u128 = 320;
/// Letters of 14 px that fit before a bar.
const ROOM: usize = 44;

const STYLE: &str = "figure { margin: 1rem 0; break-inside: avoid; }
svg { width: 100%; height: auto; font: 14px \"Noto Sans\", \"DejaVu Sans\", Helvetica, Arial, sans-serif; }
svg text { fill: #1a1a1a; }
svg .title { font-weight: bold; }
svg .name { text-anchor: end; fill: #5c5850; }
svg rect { fill: #3c5a78; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
table.counts td, table.counts th { padding-right: 1rem; }
.uncovered { border: 2px solid #8a2c0d; padding: 0 .9rem; margin: 1rem 0; break-inside: avoid; }
.uncovered h2 { color: #8a2c0d; }
.uncovered pre { white-space: pre-wrap; overflow-wrap: anywhere; }
.synthetic { border: 2px solid #8a2c0d; padding: .5rem .9rem; color: #8a2c0d; }
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let check = |n: u64, expected: &str| assert_eq!(amount(n), expected);
        check(0, "0");
        check(999, "999");
        check(1000, "1,000");
        check(91_230_112, "91,230,112");
    }

    #[test]
    fn a_bar_is_never_wider_than_its_chart_and_never_markup() {
        let rows = vec![("<b>".to_owned(), u64::MAX), ("x".repeat(100), 1), ("none".to_owned(), 0)];
        let svg = bars("a & b", &rows);
        assert!(
            svg.contains("width=\"320\"") && svg.contains("width=\"2\"") && svg.contains("width=\"0\""),
            "{svg}"
        );
        assert!(
            svg.contains("&lt;b&gt;") && svg.contains("a &amp; b") && !svg.contains(&"x".repeat(45)),
            "{svg}"
        );
    }
}
