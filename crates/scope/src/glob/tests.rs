//! glob/1 against its vectors, and against a slow matcher that is plainly right.

use proptest::prelude::*;

use super::*;
use crate::fold::symbols;
use crate::name::RawName;

#[test]
fn vectors() {
    let text = include_str!("../../../../docs/spec/vectors/glob-1.txt");
    let mut count = 0;
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let fields: Vec<_> = line.split('\t').collect();
        let [expected, form, case, glob, name] = fields[..] else { panic!("not a vector: {line}") };
        let glob: RawName = glob.parse().unwrap();
        let glob = std::str::from_utf8(glob.bytes()).unwrap();
        let read = if form == "path" { Glob::path(glob) } else { Glob::name(glob) };
        if expected == "error" {
            let error = read.expect_err(line);
            assert_eq!(error.at.to_string(), name, "{line}: {error}");
        } else {
            let folded = case == "insensitive";
            let name = symbols(name.parse::<RawName>().unwrap().bytes(), folded);
            let glob = read.expect(line);
            let matched = if form == "path" {
                glob.matches_path(&name, folded)
            } else {
                glob.matches_name(&name, folded)
            };
            assert_eq!(if matched { "yes" } else { "no" }, expected, "{line}");
        }
        count += 1;
    }
    assert!(count >= 100, "only {count} vectors were read");
}

#[test]
fn no_glob_takes_long() {
    let started = std::time::Instant::now();
    let glob = Glob::path(&format!("/{}b", "a*".repeat(300))).unwrap();
    assert!(!glob.matches_path(&symbols(format!("/{}", "a".repeat(4000)).as_bytes(), false), false));
    let glob = Glob::path(&format!("{}/b", "/**/a*a*".repeat(100))).unwrap();
    assert!(!glob.matches_path(&symbols("/aaaaaaaa".repeat(450).as_bytes(), false), false));
    assert!(started.elapsed().as_secs() < 5, "an exponential matcher would not be back this year");
}

/// Every way to read the path, one after the other.
fn slow(segments: &[Segment], path: &[&[Symbol]]) -> bool {
    match (segments.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((Segment::AnyDepth, rest)), _) => (0..=path.len()).any(|n| slow(rest, &path[n..])),
        (Some((Segment::Tokens(tokens), rest)), Some((first, below))) => {
            slow_segment(tokens, first) && slow(rest, below)
        }
        _ => false,
    }
}

fn slow_segment(tokens: &[Token], segment: &[Symbol]) -> bool {
    match (tokens.split_first(), segment.split_first()) {
        (None, None) => true,
        (Some((Token::Many, rest)), _) => (0..=segment.len()).any(|n| slow_segment(rest, &segment[n..])),
        (Some((token, rest)), Some((symbol, after))) => token.reads(*symbol) && slow_segment(rest, after),
        _ => false,
    }
}

proptest! {
    #[test]
    fn the_matcher_agrees_with_trying_everything(
        glob in "(/(\\*\\*|[ab*?]{1,4}|[ab]\\[!a\\]\\*?)){0,5}",
        path in "(/[abc]{1,4}){1,6}",
    ) {
        let Ok(glob) = Glob::path(if glob.is_empty() { "/" } else { &glob }) else { return Ok(()) };
        let path = symbols(path.as_bytes(), false);
        let parts: Vec<&[Symbol]> = path[1..].split(|&symbol| symbol == SLASH).collect();
        prop_assert_eq!(glob.matches_path(&path, false), slow(&glob.exact.segments, &parts), "{}", glob.text());
    }

    #[test]
    fn any_text_is_a_glob_or_an_error_inside_it(text in "\\PC{0,12}|[/*?\\[\\]!\\-\\\\xa-c{]{0,12}") {
        for read in [Glob::path(&text), Glob::name(&text)] {
            match read {
                Ok(glob) => prop_assert_eq!(glob.text(), &text),
                Err(error) => prop_assert!(error.at <= text.len()),
            }
        }
    }
}
