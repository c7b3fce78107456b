//! Tables: a provision in a row. A column of digests or keys stands below the others, where it fits in one line.

use scope::render::document::{Mark, Row, Text};

use super::{BODY, LEADING, MAX_WHOLE_ROW, MEASURE, SMALL, Set, TEXT};
use crate::letters::beside;
use crate::pdf::flow::{Drawn, Piece};
use crate::pdf::lines::{Line, lines};
use crate::pdf::tree::{Node, Role};

/// Free space between columns.
const GAP: f32 = 10.0;

impl Set<'_> {
    pub(super) fn table(&mut self, columns: &[Text], rows: &[Row], mark: Mark) {
        let beside = beside(columns, rows);
        let places = self.places(columns, rows, beside);
        let table = self.tree.grow(None, Role::Table);
        let head = self.head(columns, &places, table);
        for row in rows {
            self.begin();
            let node = self.tree.grow(Some(table), Role::Row);
            self.row(row, &places, node, mark, head);
        }
    }

    /// Left edge and width of each column that stands beside others; the rest stand below, over the whole width.
    fn places(&self, columns: &[Text], rows: &[Row], beside: usize) -> Vec<(f32, f32)> {
        // The widest word, which is not broken, and the widest cell, which one line would take.
        let needs = |at: usize| {
            let cells = rows.iter().filter_map(|row| row.cells.get(at)).map(|cell| (cell, BODY));
            let head = columns.get(at).map(|head| (head, SMALL));
            let (mut word, mut whole) = (24.0_f32, 24.0_f32);
            for (text, setting) in cells.chain(head) {
                for line in lines(self.faces, text, setting, f32::MAX) {
                    whole = whole.max(self.width(&line));
                    let widths = line.iter().flat_map(|span| {
                        let words = span.text.split(' ');
                        words.map(|word| self.faces.width(span.style, span.size, word))
                    });
                    word = widths.fold(word, f32::max);
                }
            }
            (word.min(MEASURE / 3.0), whole.min(MEASURE))
        };
        let needs: Vec<(f32, f32)> = (0..beside).map(needs).collect();
        let words: f32 = needs.iter().map(|(word, _)| word + GAP).sum();
        let wholes: f32 = needs.iter().map(|(_, whole)| whole + GAP).sum();
        // What words leave free is shared by those that want more.
        let share = ((MEASURE + GAP - words) / (wholes - words).max(1.0)).clamp(0.0, 1.0);
        let squeeze = (MEASURE / words.max(1.0)).min(1.0);
        let mut x = TEXT;
        let mut places = Vec::new();
        for (word, whole) in needs {
            let width = (word + (whole - word).max(0.0) * share) * squeeze;
            places.push((x, width + 0.1));
            x += width + GAP * squeeze;
        }
        places
    }

    fn width(&self, line: &Line) -> f32 {
        line.last().map_or(0.0, |span| span.x + self.faces.width(span.style, span.size, span.text.trim_end()))
    }

    /// The head, now and again on each page that the table goes over; which of the heads it is.
    fn head(&mut self, columns: &[Text], places: &[(f32, f32)], table: Node) -> usize {
        let row = self.tree.grow(Some(table), Role::Row);
        let mut drawn = Vec::new();
        let mut tall: f32 = 0.0;
        let mut names: Vec<Node> = Vec::new();
        for (at, column) in columns.iter().enumerate() {
            let node = self.tree.grow(Some(row), Role::Head);
            names.push(node);
            let place = places.get(at).copied();
            let (x, width) = place.unwrap_or((TEXT, MEASURE));
            let mut y = if place.is_some() { 8.0 } else { tall + 8.0 };
            for line in lines(self.faces, column, SMALL, width) {
                drawn.push(Drawn::Text { x, y, line, soft: true, node: Some(node) });
                tall = tall.max(y + 2.0);
                y += 9.5;
            }
        }
        drawn.push(Drawn::Rule { x: TEXT, y: tall + 2.0, width: MEASURE, strong: false });
        let piece = Piece {
            height: tall + 4.0,
            above: 5.0,
            keep: true,
            drawn,
            block: self.block,
            ..Piece::default()
        };
        let mut again = piece.clone();
        again.keep = false;
        for drawn in &mut again.drawn {
            if let Drawn::Text { node, .. } = drawn {
                *node = None;
            }
        }
        self.pieces.push(piece);
        self.heads.push(again);
        self.heads.len().saturating_sub(1)
    }

    fn row(&mut self, row: &Row, places: &[(f32, f32)], node: Node, mark: Mark, head: usize) {
        let first = self.pieces.len();
        let label = self.tree.grow(Some(node), Role::Cell);
        let mut cells: Vec<(f32, Node, Vec<Line>)> = Vec::new();
        let mut under: Vec<(Node, &Text)> = Vec::new();
        for (at, cell) in row.cells.iter().enumerate() {
            let own = self.tree.grow(Some(node), Role::Cell);
            match places.get(at) {
                Some((x, width)) => cells.push((*x, own, lines(self.faces, cell, BODY, *width))),
                None => under.push((own, cell)),
            }
        }
        if let Some(below) = &row.below {
            let last = under.last().map(|(own, _)| *own);
            let own = last.unwrap_or_else(|| self.tree.grow(Some(node), Role::Cell));
            under.push((own, below));
        }
        let mark_node = self.tree.grow(Some(node), Role::Cell);
        let tall = cells.iter().map(|(_, _, lines)| lines.len()).max().unwrap_or(0);
        for at in 0..tall {
            let drawn = cells.iter().filter_map(|(x, own, lines)| {
                let line = lines.get(at)?.clone();
                Some(Drawn::Text { x: *x, y: LEADING * 0.76, line, soft: false, node: Some(*own) })
            });
            let drawn = drawn.collect();
            self.pieces.push(Piece { height: LEADING, drawn, block: self.block, ..Piece::default() });
        }
        for (own, text) in under {
            self.column(text, BODY, (TEXT, MEASURE), 12.0, own);
        }
        self.aside(first, &row.number, label);
        self.open(first, 4.0);
        self.mark(first, mark, Some(mark_node));
        let count = self.pieces.len().saturating_sub(first);
        if let Some(last) = self.pieces.last_mut() {
            last.drawn.push(Drawn::Rule { x: TEXT, y: last.height + 2.0, width: MEASURE, strong: false });
        }
        for (at, piece) in self.pieces.iter_mut().skip(first).enumerate() {
            piece.head = Some(head);
            piece.keep = count <= MAX_WHOLE_ROW && at.saturating_add(1) < count;
            if at.saturating_add(1) == count {
                piece.height += 3.0;
            }
        }
    }
}
