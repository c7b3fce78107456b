//! What stands on the pages, from top to bottom: boxes that are not broken, each with what is drawn in it.

use scope::render::document::Mark;

use super::lines::Line;
use super::tree::Node;

/// What is drawn, relative to the top left corner of its box.
#[derive(Clone, Debug)]
pub(super) enum Drawn {
    /// A line of text, its baseline at `y`. Without a node it is no content.
    Text { x: f32, y: f32, line: Line, soft: bool, node: Option<Node> },
    /// A thin line across.
    Rule { x: f32, y: f32, width: f32, strong: bool },
    /// The bar beside the authority's words.
    Bar { x: f32, height: f32 },
    /// The sign of a mark, its middle at `y`.
    Sign { x: f32, y: f32, mark: Mark },
}

/// A box that stays on one page.
#[derive(Clone, Debug, Default)]
pub(super) struct Piece {
    pub(super) height: f32,
    /// Free space above, which falls away at the top of a page.
    pub(super) above: f32,
    /// Whether it stays with the next box.
    pub(super) keep: bool,
    pub(super) drawn: Vec<Drawn>,
    /// Drawn after the rest of its block, since it is read after it.
    pub(super) after: Vec<Drawn>,
    /// What begins a page on which this box is the first: the head of its table.
    pub(super) head: Option<usize>,
    /// An entry in the outline of the file.
    pub(super) entry: Option<(u8, String)>,
    /// The block it is part of.
    pub(super) block: usize,
}

/// A box with its place.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) y: f32,
    pub(super) piece: Piece,
}

/// Boxes on pages of a height. What stays together is at most half a page, so that no more of one is left empty.
///
/// `heads` are those that [`Piece::head`] speaks of.
pub(super) fn pages(pieces: Vec<Piece>, heads: &[Piece], height: f32) -> Vec<Vec<Placed>> {
    let mut pages: Vec<Vec<Placed>> = Vec::new();
    let mut page: Vec<Placed> = Vec::new();
    let mut y = 0.0;
    let mut chunk: Vec<Piece> = Vec::new();
    let mut pieces = pieces.into_iter().peekable();
    while let Some(piece) = pieces.next() {
        let keep = piece.keep && pieces.peek().is_some();
        chunk.push(piece);
        if keep && total(&chunk) < height / 2.0 {
            continue;
        }
        if !page.is_empty() && y + total(&chunk) > height {
            pages.push(std::mem::take(&mut page));
        }
        for piece in chunk.drain(..) {
            if !page.is_empty() && y + piece.above + piece.height > height {
                pages.push(std::mem::take(&mut page));
            }
            if page.is_empty() {
                y = 0.0;
                if let Some(head) = piece.head.and_then(|at| heads.get(at)) {
                    page.push(Placed { y, piece: head.clone() });
                    y += head.height;
                }
            } else {
                y += piece.above;
            }
            let (at, below) = (y, y + piece.height);
            page.push(Placed { y: at, piece });
            y = below;
        }
    }
    pages.push(page);
    pages
}

fn total(chunk: &[Piece]) -> f32 {
    chunk.iter().map(|piece| piece.above + piece.height).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Heights of boxes, `k` after those that stay with the next, as pages.
    fn check(boxes: &str, expected: &str) {
        let pieces = boxes.split_whitespace().map(|text| Piece {
            height: text.trim_end_matches('k').parse().unwrap(),
            keep: text.ends_with('k'),
            ..Piece::default()
        });
        let pages = pages(pieces.collect(), &[], 10.0);
        let pages = pages.iter().map(|page| {
            page.iter().map(|placed| placed.piece.height.to_string()).collect::<Vec<_>>().join(" ")
        });
        assert_eq!(pages.collect::<Vec<_>>().join(" | "), expected);
    }

    #[test]
    fn what_belongs_together_stays_together() {
        check("4 4 4", "4 4 | 4");
        check("7 3k 4", "7 | 3 4");
        check("6 1k 1k 1k 4", "6 | 1 1 1 4");
        check("6 1k 4k 1k 4", "6 | 1 4 1 4");
        check("6k 6k 6", "6 | 6 | 6");
        check("4 4k", "4 4");
        check("", "");
    }
}
