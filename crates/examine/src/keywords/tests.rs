//! The search against a slow one that follows the page word for word, cut at every position.

use super::*;

/// The page's rules over a whole file, without cleverness.
fn by_the_page(terms: &[&str], bytes: &[u8]) -> Vec<Hit> {
    type View = Vec<Option<(u32, usize, usize)>>;
    let narrow: View = {
        let mut view = View::new();
        let mut at = 0;
        for chunk in bytes.utf8_chunks() {
            for c in chunk.valid().chars() {
                view.push(Some((u32::from(c), at, at + c.len_utf8())));
                at += c.len_utf8();
            }
            view.push(None);
            at += chunk.invalid().len();
        }
        view
    };
    let wide = |from: usize, read: fn([u8; 2]) -> u16| -> View {
        let units = bytes.get(from..).unwrap_or(&[]).as_chunks::<2>().0.iter().map(|unit| read(*unit));
        let mut at = from;
        let mut view = View::new();
        for decoded in char::decode_utf16(units) {
            let before = at;
            at += decoded.as_ref().map_or(2, |c| 2 * c.len_utf16());
            view.push(decoded.ok().map(|c| (u32::from(c), before, at)));
        }
        view
    };
    let views = [
        wide(0, u16::from_le_bytes),
        wide(0, u16::from_be_bytes),
        wide(1, u16::from_le_bytes),
        wide(1, u16::from_be_bytes),
        narrow,
    ];
    let occurrences = |term: &str, view: &View| -> Vec<(usize, usize)> {
        let term: Vec<u32> = term.chars().map(|c| scope::fold::fold(u32::from(c))).collect();
        let fits = |window: &&[Option<(u32, usize, usize)>]| {
            window.iter().zip(&term).all(|(c, t)| c.is_some_and(|(c, ..)| scope::fold::fold(c) == *t))
        };
        let span = |window: &[Option<(u32, usize, usize)>]| {
            (window[0].unwrap().1, window.last().unwrap().unwrap().2)
        };
        view.windows(term.len()).filter(fits).map(span).collect()
    };
    let mut hits = Vec::new();
    for (number, term) in terms.iter().enumerate() {
        let found: Vec<Vec<(usize, usize)>> = views.iter().map(|view| occurrences(term, view)).collect();
        let even: Vec<_> = found[..2].concat();
        // Its turn (the end, for odd offsets the next place), the view's rank, the start.
        let mut all: Vec<(usize, u8, usize)> = even.iter().map(|(start, end)| (*end, 1, *start)).collect();
        let odd =
            found[2..4].concat().into_iter().filter(|(start, end)| !even.contains(&(start + 1, end + 1)));
        all.extend(odd.map(|(start, end)| (end + 1, 0, start)));
        all.extend(found[4].iter().map(|(start, end)| (*end, 2, *start)));
        all.sort_unstable();
        let mut last = 0;
        let mut offsets = Vec::new();
        for (turn, view, start) in all {
            if start >= last {
                offsets.push(start as u64);
                last = if view == 0 { turn - 1 } else { turn };
            }
        }
        if !offsets.is_empty() {
            let count = offsets.len() as u64;
            offsets.truncate(16);
            hits.push(Hit { term: number as u64, count, offsets });
        }
    }
    hits
}

fn searcher(terms: &[&str]) -> Searcher {
    let terms: Vec<String> = terms.iter().map(|term| (*term).to_owned()).collect();
    Searcher::new(&[KeywordList { id: "list", terms: &terms }]).unwrap()
}

fn search(searcher: &Searcher, pieces: &[&[u8]]) -> Found {
    let mut search = searcher.start();
    pieces.iter().for_each(|piece| search.feed(piece));
    search.finish()
}

fn check(searcher: &Searcher, terms: &[&str], bytes: &[u8]) {
    let whole = search(searcher, &[bytes]);
    assert_eq!(whole.lists[0].1, by_the_page(terms, bytes), "{terms:?} in {bytes:x?}");
    assert_eq!(whole.is_utf_8, std::str::from_utf8(bytes).is_ok(), "{bytes:x?}");
    for cut in 0..=bytes.len() {
        let (head, tail) = bytes.split_at(cut);
        assert_eq!(search(searcher, &[head, tail]), whole, "cut at {cut}: {bytes:x?}");
    }
}

fn utf_16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

#[test]
fn every_encoding_at_every_alignment_and_cut() {
    let terms = ["viagra", "Ärger", "straße", "\u{212a}", "😀𐐀", "lottery", "lot", "tt", "aa"];
    let text = "cheap VIAGRA; ÄRGER! STRASSE straẞe k K \u{212a} 😀𐐨 microsoft Lottery aaaaa \u{130}";
    let searcher = searcher(&terms);
    for pad in 0..4 {
        for body in [text.as_bytes().to_vec(), utf_16(text, u16::to_le_bytes), utf_16(text, u16::to_be_bytes)]
        {
            let mut bytes = vec![b'x'; pad];
            bytes.extend(&body);
            bytes.push(0);
            check(&searcher, &terms, &bytes);
        }
    }
}

#[test]
fn small_alphabets_against_the_page() {
    // Bytes that make terms, halves of characters and false twins as often as possible.
    let alphabet = [0, 0, b'a', b'a', b'b', b'A', 0xd8, 0xdc, 0x3d, 0xc3, 0xa4, 0x84, 0xe2, 0xaa, 0xf0, 0xff];
    let terms =
        ["a", "ab", "aa", "ba", "\u{e4}", "a\u{e4}", "\u{212a}", "\u{6161}", "\u{6100}a", "\u{1f400}a"];
    let searcher = searcher(&terms);
    let mut seed = 0x2011_0316_u64;
    for round in 0..400 {
        let bytes: Vec<u8> = (0..round % 60)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                alphabet[(seed >> 60) as usize]
            })
            .collect();
        check(&searcher, &terms, &bytes);
    }
}

#[test]
fn sixteen_offsets_are_kept_and_all_are_counted() {
    let found = search(&searcher(&["ab"]), &[&b"ab ".repeat(40)]);
    let offsets = (0..16).map(|at| at * 3).collect();
    assert_eq!(found.lists[0].1, [Hit { term: 0, count: 40, offsets }]);
}

#[test]
fn lists_number_their_own_terms() {
    let first = ["one".to_owned(), String::new(), "two".to_owned()];
    let second = ["two".to_owned()];
    let lists = [KeywordList { id: "first", terms: &first }, KeywordList { id: "second", terms: &second }];
    let found = search(&Searcher::new(&lists).unwrap(), &[b"two"]);
    let hit = |term| vec![Hit { term, count: 1, offsets: vec![0] }];
    assert_eq!(found.lists, [("first".to_owned(), hit(2)), ("second".to_owned(), hit(0))]);
}

#[test]
fn a_list_that_is_too_long_is_refused() {
    let terms = vec!["a".repeat(1 << 10); (1 << 10) + 1];
    let error = Searcher::new(&[KeywordList { id: "list", terms: &terms }]).unwrap_err();
    assert_eq!(error, SearcherError::TooLong { found: (1 << 20) + (1 << 10) });
}

#[test]
fn the_layer_is_full_only_where_all_of_the_text_decodes() {
    for (name, bytes, complete, expected) in [
        ("text", b"abc".as_slice(), true, Layer::Full),
        ("text", b"abc", false, Layer::Unread),
        ("text", b"abc\xff", true, Layer::Unread),
        ("text", b"abc\xc3", true, Layer::Unread),
        ("php", b"<?php", true, Layer::Full),
        ("empty", b"", true, Layer::Full),
        ("text-utf-16", b"\xff\xfea\0", true, Layer::Full),
        ("text-utf-16", b"\xfe\xff\0a", true, Layer::Full),
        ("text-utf-16", b"\xff\xfea\0b", true, Layer::Unread),
        ("text-utf-16", b"\xff\xfe\0\xd8", true, Layer::Unread),
        ("text-utf-16", b"\xff\xfe\0\xdc", true, Layer::Unread),
        ("text-8bit", b"abc\xff", true, Layer::Unread),
        ("png", b"abc", true, Layer::None),
        ("zip", b"abc", true, Layer::Unread),
        ("unknown", b"abc", true, Layer::Unread),
    ] {
        assert_eq!(search(&searcher(&["x"]), &[bytes]).layer(name, complete), expected, "{name} {bytes:x?}");
    }
}

#[test]
fn vectors() {
    let mut count = 0;
    for line in include_str!("../../../../docs/spec/vectors/kw-1.txt").lines() {
        if line.starts_with('#') {
            continue;
        }
        let fields: Vec<&str> = line.split('\t').collect();
        let [terms, bytes, name, layer, hits] = fields[..] else { panic!("five fields: {line}") };
        let raw = |text: &str| text.parse::<scope::RawName>().unwrap().0;
        let terms: Vec<String> = terms.split('|').map(|term| String::from_utf8(raw(term)).unwrap()).collect();
        let terms: Vec<&str> = terms.iter().map(String::as_str).collect();
        let found = search(&searcher(&terms), &[&raw(bytes)]);
        let shown = found.lists[0].1.iter().map(|hit| {
            let offsets: Vec<String> = hit.offsets.iter().map(u64::to_string).collect();
            format!("{}*{}@{}", hit.term, hit.count, offsets.join(","))
        });
        let shown = shown.collect::<Vec<_>>().join(" ");
        assert_eq!(if shown.is_empty() { "-" } else { &shown }, hits, "{line}");
        let terms: Vec<String> = terms.iter().map(|&term| term.to_owned()).collect();
        let searchers = Searchers::new(&[KeywordList { id: "l", terms: &terms }]).unwrap();
        let read = (scope::magic::layer(name) == Layer::Full).then(|| {
            let mut reading = crate::reading::Reading::new(&searchers, name, &raw(bytes));
            reading.feed(&raw(bytes));
            reading.finish()
        });
        let facts = found.facts(name, true, read.as_ref(), None);
        assert_eq!(format!("{:?}", facts[0].layer).to_lowercase(), layer, "{line}");
        count += 1;
    }
    assert!(count >= 20, "only {count} vectors were read");
}
