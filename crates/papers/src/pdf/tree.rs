//! The structure of the document, for those who hear it instead of seeing it.

use std::num::NonZeroU16;

use krilla::tagging::{Identifier, ListNumbering, TableHeaderScope, Tag, TagGroup, TagKind, TagTree};

/// What a part of the document is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Role {
    /// A heading: 1 is the title, 2 a part, 3 a rule.
    Heading(u16),
    Paragraph,
    Quote,
    List,
    Item,
    Label,
    Body,
    Table,
    Row,
    Head,
    Cell,
}

/// A place in the tree.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Node(usize);

struct Grown {
    role: Role,
    parent: Option<Node>,
    /// A heading's words.
    title: String,
    drawn: Vec<Identifier>,
}

/// The tree while pages are drawn.
#[derive(Default)]
pub(super) struct Tree(Vec<Grown>);

impl Tree {
    pub(super) fn grow(&mut self, parent: Option<Node>, role: Role) -> Node {
        self.0.push(Grown { role, parent, title: String::new(), drawn: Vec::new() });
        Node(self.0.len().saturating_sub(1))
    }

    pub(super) fn heading(&mut self, level: u16, title: &str) -> Node {
        let node = self.grow(None, Role::Heading(level));
        if let Some(grown) = self.0.get_mut(node.0) {
            title.clone_into(&mut grown.title);
        }
        node
    }

    /// What was drawn belongs to this node.
    pub(super) fn drawn(&mut self, node: Node, identifier: Identifier) {
        if let Some(grown) = self.0.get_mut(node.0) {
            grown.drawn.push(identifier);
        }
    }

    /// krilla's tree.
    pub(super) fn tags(self, language: &str) -> TagTree {
        let mut tree = TagTree::new().with_lang(Some(language.to_owned()));
        let mut groups: Vec<(Option<Node>, TagGroup)> = Vec::with_capacity(self.0.len());
        for grown in self.0 {
            let mut group = TagGroup::new(tag(grown.role, grown.title));
            grown.drawn.into_iter().for_each(|identifier| group.push(identifier));
            groups.push((grown.parent, group));
        }
        // INVARIANT: a node is younger than its parent. Taken from the end, each has all its children, the last first.
        let mut children: Vec<Vec<TagGroup>> = groups.iter().map(|_| Vec::new()).collect();
        let mut top = Vec::new();
        while let (Some((parent, mut group)), Some(own)) = (groups.pop(), children.pop()) {
            own.into_iter().rev().for_each(|child| group.push(child));
            match parent.and_then(|parent| children.get_mut(parent.0)) {
                Some(siblings) => siblings.push(group),
                None => top.push(group),
            }
        }
        top.into_iter().rev().for_each(|group| tree.push(group));
        tree
    }
}

fn tag(role: Role, title: String) -> TagKind {
    match role {
        Role::Heading(level) => {
            Tag::Hn(NonZeroU16::new(level).unwrap_or(NonZeroU16::MIN), Some(title)).into()
        }
        Role::Paragraph => Tag::P.into(),
        Role::Quote => Tag::BlockQuote.into(),
        Role::List => Tag::L(ListNumbering::Decimal).into(),
        Role::Item => Tag::LI.into(),
        Role::Label => Tag::Lbl.into(),
        Role::Body => Tag::LBody.into(),
        Role::Table => Tag::Table.into(),
        Role::Row => Tag::TR.into(),
        Role::Head => Tag::TH(TableHeaderScope::Column).into(),
        Role::Cell => Tag::TD.into(),
    }
}
