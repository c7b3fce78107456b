//! A list of as many terms as a policy may have, each of which is searched for.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

use examine::keywords::Searcher;
use scope::policy::KeywordList;

/// 10,000 terms of 6 to 60 characters; some begin with others, or end with them.
fn terms() -> Vec<String> {
    (0..10_000_u32).map(|n| format!("term{:04x}{}", n, "\u{e9}x".repeat(n as usize % 27))).collect()
}

#[test]
fn ten_thousand_terms_are_found_each() {
    let terms = terms();
    let searcher = Searcher::new(&[KeywordList { id: "many", terms: &terms }]).unwrap();
    // In an order of its own, and in capitals, which do not count.
    let mut text = String::new();
    for n in 0..terms.len() {
        text.push_str(&terms[n * 7919 % terms.len()].to_uppercase());
        text.push('\n');
    }
    let mut search = searcher.start();
    search.feed(text.as_bytes());
    let found = search.finish();
    let (id, hits) = &found.lists[0];
    assert_eq!(id, "many");
    assert_eq!(hits.iter().map(|hit| hit.term).collect::<Vec<_>>(), (0..10_000).collect::<Vec<_>>());
    // A term that begins with another counts for both.
    assert!(hits.iter().all(|hit| hit.count >= 1), "{hits:?}");

    let mut search = searcher.start();
    search.feed(text.replace("TERM", "TERN").as_bytes());
    assert!(search.finish().lists[0].1.is_empty(), "and nothing else is");
}
