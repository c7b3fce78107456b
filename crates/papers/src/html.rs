//! The policy as one self-contained HTML page: no script, nothing from elsewhere, made to be printed.
//!
//! Every text of the policy is escaped; the page forbids itself everything but
//! its own style. The policy id stands at the foot of each printed page.

use scope::render::document::{Block, Mark, Row, Run, Text};
use scope::{Digest, Language, Policy};

use crate::cover::{self, Cover};
use crate::letters::{beside, shown};
use crate::paper::Paper;
use crate::words::{Word, word};

/// The policy in plain words of a language, as an HTML page. The same policy gives the same bytes, always.
#[must_use]
pub fn policy_html(policy: &Policy, language: Language) -> String {
    html(&Paper::policy(policy, language))
}

/// The cover sheet of an approval as an HTML page. The same values give the same bytes, always.
#[must_use]
pub fn cover_html(cover: &Cover<'_>) -> String {
    html(&cover::paper(cover))
}

fn html(paper: &Paper) -> String {
    let document = &paper.document;
    let language = document.language;
    let say = |own| word(language, own);
    // INVARIANT: a digest is hexadecimal and the words are ours, so nothing here can leave the string of CSS.
    let foot = format!("{} {}", say(Word::Policy), document.policy);
    let head = head(language, &document.title.letters(), &foot, "");
    let mut page = Page { language, markdown: paper.markdown, html: head, in_list: false };
    page.add(&format!("<p class=\"kind\">{}</p>\n", say(paper.kind)));
    page.add(&format!("<h1>{}</h1>\n</header>\n", inline(&document.title)));
    let mut blocks = document.blocks.iter().peekable();
    while let Some(block) = blocks.next() {
        // The heading of a rule is not the last line of a printed page.
        let quote = blocks.next_if(|next| matches!((block, next), (Block::Heading(_), Block::Quote(_))));
        match quote {
            Some(quote) => {
                page.end_list();
                page.add("<div class=\"together\">\n");
                page.block(block);
                page.block(quote);
                page.add("</div>\n");
            }
            None => page.block(block),
        }
    }
    page.end_list();
    signatures(&mut page, paper.signatures);
    page.add(&format!("</main>\n<footer>{}</footer>\n</body>\n</html>\n", escaped(&foot)));
    page.html
}

/// Everything before what a page says: up to its header. `foot` is ours, and without quotes; `style` is added to the common one.
pub(crate) fn head(language: Language, title: &str, foot: &str, style: &str) -> String {
    let say = |own| word(language, own);
    let mut head = "<!DOCTYPE html>\n".to_owned();
    head += &format!("<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n");
    head += "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n";
    head += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
    head += &format!("<title>{}</title>\n<style>\n{STYLE}{style}", escaped(title));
    head += &format!("@page {{ @bottom-left {{ content: \"{foot}\" }} ");
    head += &format!(
        "@bottom-right {{ content: \"{} \" counter(page) \" {} \" counter(pages) }} }}\n</style>\n",
        say(Word::Page),
        say(Word::Of)
    );
    head + "</head>\n<body>\n<main>\n<header>\n"
}

struct Page {
    language: Language,
    /// The digest of the form that is signed, until it was shown.
    markdown: Option<Digest>,
    html: String,
    /// Whether provisions are being listed.
    in_list: bool,
}

impl Page {
    fn add(&mut self, html: &str) {
        self.html += html;
    }

    fn end_list(&mut self) {
        if std::mem::take(&mut self.in_list) {
            self.add("</ul>\n");
        }
    }

    fn block(&mut self, block: &Block) {
        if !matches!(block, Block::Provision { .. }) {
            self.end_list();
        }
        match block {
            Block::Part { number, title } => self.add(&format!("<h2>{number}. {}</h2>\n", inline(title))),
            Block::Heading(text) => self.add(&format!("<h3>{}</h3>\n", inline(text))),
            Block::Paragraph(text) => self.add(&format!("<p>{}</p>\n", inline(text))),
            Block::Quote(text) => self.add(&format!("<blockquote>{}</blockquote>\n", inline(text))),
            Block::Facts(facts) => {
                self.add("<dl>\n");
                for (name, value) in facts {
                    self.add(&format!("<dt>{}</dt><dd>{}</dd>\n", inline(name), inline(value)));
                }
                if let Some(digest) = self.markdown.take() {
                    let name = word(self.language, Word::MarkdownDigest);
                    self.add(&format!("<dt>{name}</dt><dd><code>{digest}</code></dd>\n"));
                }
                self.add("</dl>\n");
            }
            Block::Provision { number, text, mark } => {
                if !self.in_list {
                    self.add("<ul class=\"provisions\">\n");
                    self.in_list = true;
                }
                let number = number.as_deref().unwrap_or_default();
                let mark = self.mark(*mark);
                self.add(&format!(
                    "<li><span class=\"number\">{number}</span><span class=\"text\">{}</span>{mark}</li>\n",
                    inline(text)
                ));
            }
            Block::Conditions { joined, of } => {
                self.add("<div class=\"conditions\">\n");
                if let Some(joined) = joined {
                    self.add(&format!("<p>{}</p>\n", inline(joined)));
                }
                self.add("<ul>\n");
                for own in of {
                    self.add(&format!("<li>{}", inline(&own.text)));
                    if !own.all.is_empty() {
                        let all = own.all.iter().map(|one| format!("<li>{}</li>", inline(one)));
                        self.add(&format!("\n<ul>{}</ul>\n", all.collect::<String>()));
                    }
                    self.add("</li>\n");
                }
                self.add("</ul>\n</div>\n");
            }
            Block::Table { columns, rows, mark } => self.table(columns, rows, *mark),
        }
    }

    fn table(&mut self, columns: &[Text], rows: &[Row], mark: Mark) {
        // Digests and keys stand below the rest, where one line holds them.
        let beside = beside(columns, rows);
        self.add("<table>\n<thead><tr><th></th>");
        for (at, column) in columns.iter().enumerate() {
            if at == beside {
                self.add("<th></th></tr>\n<tr><th></th>");
            }
            let span = if at < beside { 1 } else { beside };
            self.add(&format!("<th scope=\"col\" colspan=\"{span}\">{}</th>", inline(column)));
        }
        self.add("<th></th></tr></thead>\n");
        for row in rows {
            self.add(&format!("<tbody><tr><td class=\"number\">{}</td>", escaped(&row.number)));
            for cell in row.cells.iter().take(beside) {
                self.add(&format!("<td>{}</td>", inline(cell)));
            }
            let mark = self.mark(mark);
            let belows: Vec<&Text> = row.cells.iter().skip(beside).chain(&row.below).collect();
            let span = belows.len().saturating_add(1);
            self.add(&format!("<td class=\"seen\" rowspan=\"{span}\">{mark}</td></tr>\n"));
            for below in belows {
                let below = inline(below);
                self.add(&format!(
                    "<tr><td></td><td colspan=\"{beside}\" class=\"below\">{below}</td></tr>\n"
                ));
            }
            self.add("</tbody>\n");
        }
        self.add("</table>\n");
    }

    fn mark(&self, mark: Mark) -> String {
        let class = match mark {
            Mark::Tool => "tool",
            Mark::Duty => "duty",
            Mark::Unchecked => "unchecked",
        };
        format!("<span class=\"mark {class}\">{}</span>", self.language.mark(mark))
    }
}

fn signatures(page: &mut Page, what_for: Word) {
    let say = |own| word(page.language, own);
    let line = format!(
        "<div class=\"line\"><span>{}</span><span>{}</span><span>{}</span></div>\n",
        say(Word::PlaceAndDate),
        say(Word::NameAndOffice),
        say(Word::Signature)
    );
    let html = format!(
        "<section class=\"signatures\">\n<h2>{}</h2>\n<p>{}</p>\n{line}{line}</section>\n",
        say(Word::Signatures),
        say(what_for)
    );
    page.add(&html);
}

fn inline(text: &Text) -> String {
    let mut html = String::new();
    for run in text.runs() {
        let letters = escaped(run.letters());
        html += &match run {
            Run::Words(_) => letters,
            Run::Strong(_) => format!("<strong>{letters}</strong>"),
            // What is written from right to left changes nothing around it.
            Run::Given(_) => format!("<bdi>{letters}</bdi>"),
            Run::Code(_) => format!("<code>{letters}</code>"),
        };
    }
    html
}

/// Text in which nothing is markup, and nothing hides.
pub(crate) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in shown(text, |_| true).chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
    html
}

const STYLE: &str = include_str!("policy.css");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_markup() {
        let check = |text: &str, expected: &str| assert_eq!(escaped(text), expected);
        check("<script>alert('x')</script>", "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;");
        check("\" onload=\"x", "&quot; onload=&quot;x");
        check("a & b", "a &amp; b");
        check("&lt;", "&amp;lt;");
        check("a\u{202E}b\u{200B}", "a\\u{202E}b\\u{200B}");
    }
}
