//! The blocks of a document as boxes: where text stands, in which face, and what stays together.
//!
//! ```text
//! | number | text                                             | mark        |
//! | 1.2    | Docket: 24 Mag. 0000.                            | - Not ...   |
//! ```

use scope::render::document::{Block, Conditions, Document, Mark, Run, Text};

use super::faces::{Faces, Style};
use super::flow::{Drawn, Piece};
use super::lines::{Setting, lines};
use super::tree::{Node, Role, Tree};
use crate::paper::Paper;
use crate::words::{self, Word, word};

/// Width of the text between the margins, in points.
pub(super) const WIDTH: f32 = 481.0;
/// Where text begins, right of the numbers.
const TEXT: f32 = 34.0;
/// Width of the text: the 71 characters of a digest fit in.
const MEASURE: f32 = 345.0;
/// Where marks begin, right of the text.
const MARK: f32 = 394.0;
const BODY: Setting = Setting { style: Style::Serif, size: 9.4 };
const LEADING: f32 = 13.2;
const SMALL: Setting = Setting { style: Style::Serif, size: 7.6 };
/// Rows of a table with at most so many lines stay on one page.
const MAX_WHOLE_ROW: usize = 12;

/// The boxes of a document.
pub(super) struct Set<'d> {
    faces: &'d Faces,
    document: &'d Document,
    pub(super) tree: Tree,
    pub(super) pieces: Vec<Piece>,
    pub(super) heads: Vec<Piece>,
    block: usize,
    /// The list that provisions are items of.
    list: Option<Node>,
}

impl<'d> Set<'d> {
    pub(super) fn new(faces: &'d Faces, document: &'d Document) -> Self {
        let (tree, pieces, heads) = (Tree::default(), Vec::new(), Vec::new());
        Self { faces, document, tree, pieces, heads, block: 0, list: None }
    }

    /// Everything: title, blocks, room for signatures.
    pub(super) fn all(&mut self, paper: &Paper) {
        let mut markdown = paper.markdown;
        let say = |own| Text::from(word(self.document.language, own));
        let node = self.tree.grow(None, Role::Paragraph);
        self.column(&say(paper.kind), Setting { style: Style::Serif, size: 10.0 }, (0.0, WIDTH), 13.0, node);
        self.above(0.0);
        self.keep();
        let title = &self.document.title;
        let node = self.tree.heading(1, &title.letters());
        self.begin();
        let first = self.pieces.len();
        self.column(title, Setting { style: Style::Bold, size: 17.0 }, (0.0, WIDTH), 23.0, node);
        self.keep_all(first);
        self.pieces.push(Piece {
            height: 8.0,
            drawn: vec![Drawn::Rule { x: 0.0, y: 5.0, width: WIDTH, strong: true }],
            block: self.block,
            ..Piece::default()
        });
        let mut lacking = self.faces.lacking(self.document.texts());
        let told = words::lacking(self.document.language, &lacking);
        let mut rule = false;
        for block in &self.document.blocks {
            let first = self.pieces.len();
            self.block(block);
            // The head of a rule, from the authority's words to what the program does, stays with its first condition.
            rule = match block {
                Block::Quote(_) => true,
                Block::Paragraph(_) | Block::Provision { .. } => rule,
                _ => false,
            };
            if rule {
                self.keep_all(first);
            }
            if let (Block::Facts(_), Some(markdown)) =
                (block, markdown.take_if(|_| matches!(block, Block::Facts(_))))
            {
                self.fact(&say(Word::MarkdownDigest), &Run::Code(markdown.to_string()).into());
            }
            if matches!(block, Block::Facts(_)) && !std::mem::take(&mut lacking).is_empty() {
                self.block(&Block::Paragraph(told.as_str().into()));
            }
        }
        // Lines for signatures are not on a sheet of their own, where nobody sees what is signed.
        let last = self.pieces.last().map_or(0, |piece| piece.block);
        let together = self.pieces.iter().rev().take_while(|piece| piece.block == last).count();
        if together <= MAX_WHOLE_ROW {
            self.keep_all(self.pieces.len().saturating_sub(together));
        }
        self.signatures(paper.signatures);
    }

    fn begin(&mut self) {
        self.block = self.block.saturating_add(1);
    }

    /// Space above the last box that was set.
    fn above(&mut self, above: f32) {
        if let Some(piece) = self.pieces.last_mut() {
            piece.above = above;
        }
    }

    fn keep(&mut self) {
        if let Some(piece) = self.pieces.last_mut() {
            piece.keep = true;
        }
    }

    /// All boxes from `first` stay with the one after.
    fn keep_all(&mut self, first: usize) {
        self.pieces.iter_mut().skip(first).for_each(|piece| piece.keep = true);
    }

    /// A text in a column (its left edge and width): one box for each line. No line of it stands alone.
    fn column(&mut self, text: &Text, setting: Setting, (x, width): (f32, f32), leading: f32, node: Node) {
        let lines = lines(self.faces, text, setting, width);
        let last = lines.len().saturating_sub(1);
        for (at, line) in lines.into_iter().enumerate() {
            let text = Drawn::Text { x, y: leading * 0.76, line, soft: false, node: Some(node) };
            let keep = at != last && (at == 0 || at.saturating_add(1) == last);
            let block = self.block;
            self.pieces.push(Piece { height: leading, keep, drawn: vec![text], block, ..Piece::default() });
        }
    }

    fn block(&mut self, block: &Block) {
        self.begin();
        if !matches!(block, Block::Provision { number: Some(_), .. }) {
            self.list = None;
        }
        let first = self.pieces.len();
        match block {
            Block::Part { number, title } => {
                let number = [Run::Words(format!("{number}. "))];
                let title: Text = number.into_iter().chain(title.runs().iter().cloned()).collect();
                self.headline(&title, 2, 12.5);
                if let Some(piece) = self.pieces.get_mut(first) {
                    piece.above = 20.0;
                }
            }
            Block::Heading(text) => {
                self.headline(text, 3, 10.2);
                if let Some(piece) = self.pieces.get_mut(first) {
                    piece.above = 13.0;
                }
            }
            Block::Paragraph(text) => {
                let node = self.tree.grow(None, Role::Paragraph);
                self.column(text, BODY, (TEXT, MEASURE), LEADING, node);
                self.open(first, 5.0);
                if text.letters().ends_with(':') {
                    self.keep_all(first);
                }
            }
            Block::Quote(text) => self.quote(text),
            Block::Facts(facts) => facts.iter().for_each(|(name, value)| self.fact(name, value)),
            Block::Provision { number, text, mark } => self.provision(number.as_deref(), text, *mark),
            Block::Conditions { joined, of } => self.conditions(joined.as_ref(), of),
            Block::Table { columns, rows, mark } => self.table(columns, rows, *mark),
        }
    }

    /// Space above the box at `first`.
    fn open(&mut self, first: usize, above: f32) {
        if let Some(piece) = self.pieces.get_mut(first) {
            piece.above = above;
        }
    }

    fn headline(&mut self, text: &Text, level: u16, size: f32) {
        let node = self.tree.heading(level, &text.letters());
        let first = self.pieces.len();
        let setting = Setting { style: Style::Bold, size };
        let x = if level == 2 { 0.0 } else { TEXT };
        self.column(text, setting, (x, WIDTH - x), size * 1.35, node);
        if let Some(piece) = self.pieces.get_mut(first) {
            piece.entry = Some((if level == 2 { 0 } else { 1 }, text.letters()));
        }
        if level == 2 {
            let rule = Drawn::Rule { x: 0.0, y: 1.5, width: WIDTH, strong: false };
            self.pieces.push(Piece { height: 4.0, drawn: vec![rule], block: self.block, ..Piece::default() });
        }
        self.keep_all(first);
    }

    fn quote(&mut self, text: &Text) {
        let first = self.pieces.len();
        let node = self.tree.grow(None, Role::Quote);
        let node = self.tree.grow(Some(node), Role::Paragraph);
        let setting = Setting { style: Style::Italic, ..BODY };
        self.column(text, setting, (TEXT + 12.0, MEASURE - 12.0), LEADING, node);
        self.open(first, 3.0);
        for piece in self.pieces.iter_mut().skip(first) {
            piece.drawn.insert(0, Drawn::Bar { x: TEXT + 2.0, height: LEADING });
        }
        self.keep();
    }

    fn fact(&mut self, name: &Text, value: &Text) {
        let first = self.pieces.len();
        self.begin();
        let node = self.tree.grow(None, Role::Paragraph);
        self.column(name, SMALL, (TEXT, MEASURE), 10.0, node);
        self.open(first, 5.0);
        self.keep();
        self.column(value, BODY, (TEXT, WIDTH - TEXT), 12.0, node);
        for piece in self.pieces.iter_mut().skip(first).take(1) {
            piece.drawn.iter_mut().for_each(soften);
        }
    }

    fn provision(&mut self, number: Option<&str>, text: &Text, mark: Mark) {
        let first = self.pieces.len();
        let mark_node = match number {
            Some(number) => {
                let list = *self.list.get_or_insert_with(|| self.tree.grow(None, Role::List));
                let item = self.tree.grow(Some(list), Role::Item);
                let label = self.tree.grow(Some(item), Role::Label);
                let body = self.tree.grow(Some(item), Role::Body);
                let paragraph = self.tree.grow(Some(body), Role::Paragraph);
                let mark_node = self.tree.grow(Some(body), Role::Paragraph);
                self.column(text, BODY, (TEXT, MEASURE), LEADING, paragraph);
                self.aside(first, number, label);
                mark_node
            }
            None => {
                let paragraph = self.tree.grow(None, Role::Paragraph);
                let mark_node = self.tree.grow(None, Role::Paragraph);
                self.column(text, BODY, (TEXT, MEASURE), LEADING, paragraph);
                mark_node
            }
        };
        self.open(first, 4.0);
        self.mark(first, mark, Some(mark_node));
    }

    /// A number beside the box at `first`.
    fn aside(&mut self, first: usize, number: &str, node: Node) {
        let line = lines(self.faces, &Text::from(number), SMALL, TEXT);
        if let (Some(piece), Some(line)) = (self.pieces.get_mut(first), line.into_iter().next()) {
            let text = Drawn::Text { x: 0.0, y: LEADING * 0.76, line, soft: true, node: Some(node) };
            piece.drawn.insert(0, text);
        }
    }

    /// Who sees to it, beside the box at `first`; where there are more lines of it than boxes, the last box grows.
    fn mark(&mut self, first: usize, mark: Mark, node: Option<Node>) {
        let text = Text::from(self.document.language.mark(mark));
        let lines = lines(self.faces, &text, SMALL, WIDTH - MARK - 10.0);
        let tall = self.pieces.iter().skip(first).map(|piece| piece.height).sum::<f32>();
        let mut needed = 0.0;
        if let Some(piece) = self.pieces.get_mut(first) {
            piece.after.push(Drawn::Sign { x: MARK, y: LEADING * 0.76 - 2.4, mark });
            for line in lines {
                let y = LEADING * 0.76 + needed;
                piece.after.push(Drawn::Text { x: MARK + 10.0, y, line, soft: true, node });
                needed += 9.5;
            }
        }
        if let Some(last) = self.pieces.last_mut() {
            last.height += (needed + 3.0 - tall).max(0.0);
        }
    }

    fn conditions(&mut self, joined: Option<&Text>, of: &[Conditions]) {
        if let Some(joined) = joined {
            let first = self.pieces.len();
            let node = self.tree.grow(None, Role::Paragraph);
            self.column(joined, BODY, (TEXT, MEASURE), LEADING, node);
            self.open(first, 4.0);
            self.keep_all(first);
        }
        let list = self.tree.grow(None, Role::List);
        for own in of {
            let body = self.point(list, &own.text, TEXT);
            if !own.all.is_empty() {
                self.keep();
                let inner = self.tree.grow(Some(body), Role::List);
                for one in &own.all {
                    self.point(inner, one, TEXT + 13.0);
                }
            }
        }
    }

    /// An item with a dash before it.
    fn point(&mut self, list: Node, text: &Text, x: f32) -> Node {
        let first = self.pieces.len();
        let item = self.tree.grow(Some(list), Role::Item);
        let label = self.tree.grow(Some(item), Role::Label);
        let body = self.tree.grow(Some(item), Role::Body);
        let paragraph = self.tree.grow(Some(body), Role::Paragraph);
        self.column(text, BODY, (x + 13.0, MEASURE + TEXT - x - 13.0), LEADING, paragraph);
        self.open(first, 2.0);
        let dash = lines(self.faces, &Text::from("–"), BODY, 12.0);
        if let (Some(piece), Some(line)) = (self.pieces.get_mut(first), dash.into_iter().next()) {
            let dash = Drawn::Text { x: x + 2.0, y: LEADING * 0.76, line, soft: true, node: Some(label) };
            piece.drawn.insert(0, dash);
        }
        body
    }

    fn signatures(&mut self, what_for: Word) {
        let say = |own| Text::from(word(self.document.language, own));
        self.begin();
        let first = self.pieces.len();
        self.headline(&say(Word::Signatures), 2, 12.5);
        self.open(first, 18.0);
        let node = self.tree.grow(None, Role::Paragraph);
        self.column(&say(what_for), BODY, (TEXT, MEASURE), LEADING, node);
        for _ in 0..2 {
            let node = self.tree.grow(None, Role::Paragraph);
            let mut drawn = Vec::new();
            for (own, x, width) in [
                (Word::PlaceAndDate, 0.0, 130.0),
                (Word::NameAndOffice, 148.0, 157.0),
                (Word::Signature, 323.0, 158.0),
            ] {
                drawn.push(Drawn::Rule { x, y: 40.0, width, strong: true });
                for line in lines(self.faces, &say(own), SMALL, width) {
                    drawn.push(Drawn::Text { x, y: 49.0, line, soft: true, node: Some(node) });
                }
            }
            self.pieces.push(Piece { height: 54.0, drawn, block: self.block, ..Piece::default() });
        }
        self.keep_all(first);
    }
}

/// Text that matters less is grey.
fn soften(drawn: &mut Drawn) {
    if let Drawn::Text { soft, .. } = drawn {
        *soft = true;
    }
}

mod table;

#[cfg(test)]
mod tests;
