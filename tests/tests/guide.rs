//! What the guide prints to be copied is what the programs take.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "all of this is test code")]

use std::fs;

use scenarios::story::Desk;

const PAGE: &str = include_str!("../../docs/guide/policy-in-ten-minutes.md");

#[test]
fn the_policy_and_the_trust_file_of_the_guide_are_sound_and_raise_no_remark() {
    let blocks: Vec<&str> =
        PAGE.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let [policy, trust] = blocks.as_slice() else { panic!("the page has {} blocks", blocks.len()) };
    let desk = Desk::new();
    fs::create_dir(desk.path("ten")).unwrap();
    fs::write(desk.path("ten/policy.toml"), policy).unwrap();
    fs::write(desk.path("trust.toml"), trust).unwrap();
    desk.run("ambit policy check {dir}/ten --deny-warnings").exits(0);
    let shown = desk.run("ambit trust show {dir}/trust.toml").exits(0);
    for name in ["court-officer", "examiner", "witness", "auditor"] {
        assert!(shown.out.contains(name), "{shown}");
    }
    // A line that is spoiled is told, and where it is.
    fs::write(desk.path("ten/policy.toml"), policy.replace("path_case = ", "path_cases = ")).unwrap();
    desk.run("ambit policy check {dir}/ten").exits(2);
}
