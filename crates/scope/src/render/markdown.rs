//! The document as Markdown: the bytes that are signed.

use super::document::{Block, Document, Mark, Run, Text};
use super::words;

/// The document's Markdown. It ends with one line feed.
pub(super) fn markdown(document: &Document) -> String {
    let mut page = format!("# {}\n", line(&document.title));
    let mark = |mark: Mark| format!("*{}.*", document.language.mark(mark));
    let mut in_list = false;
    for block in &document.blocks {
        let list = matches!(block, Block::Provision { .. } | Block::Table { .. });
        if !(list && in_list) {
            page.push('\n');
        }
        in_list = list;
        match block {
            Block::Part { number, title } => page += &format!("## {number}. {}\n", line(title)),
            Block::Heading(text) => page += &format!("### {}\n", line(text)),
            Block::Paragraph(text) => page += &format!("{}\n", line(text)),
            Block::Quote(text) => page += &format!("> {}\n", line(text)),
            Block::Facts(facts) => {
                for (name, value) in facts {
                    page += &format!("- {}: {}\n", line(name), line(value));
                }
            }
            Block::Provision { number, text, mark: own } => {
                let number = number.as_ref().map_or_else(String::new, |number| format!("**{number}** "));
                page += &format!("- {number}{} {}\n", line(text), mark(*own));
            }
            Block::Conditions { joined, of } => {
                if let Some(joined) = joined {
                    page += &format!("{}\n\n", line(joined));
                }
                for own in of {
                    page += &format!("- {}\n", line(&own.text));
                    for one in &own.all {
                        page += &format!("  - {}\n", line(one));
                    }
                }
            }
            Block::Table { columns, rows, mark: own } => {
                for row in rows {
                    let cells = row.cells.iter().zip(columns).enumerate();
                    let cells = cells.map(|(at, (cell, column))| match at {
                        0 => line(cell),
                        _ => format!("{}: {}", line(column), line(cell)),
                    });
                    let cells: Vec<String> = cells.collect();
                    page += &format!("- **{}** {}. {}\n", row.number, cells.join("; "), mark(*own));
                    if let Some(below) = &row.below {
                        page += &format!("  - {}\n", line(below));
                    }
                }
            }
        }
    }
    page
}

/// One line of it.
pub(super) fn line(text: &Text) -> String {
    let mut line = String::new();
    for run in text.runs() {
        match run {
            Run::Words(words) => line += words,
            Run::Strong(words) => line += &format!("**{words}**"),
            Run::Given(text) => line += &words::plain(text, line.is_empty()),
            Run::Code(text) => line += &words::code(text),
        }
    }
    line
}
