use super::*;

fn message(at: u64, from: &[&str], to: &[&str], date: MailDate) -> Message {
    let parties = |addresses: &[&str]| Parties {
        addresses: addresses.iter().map(|&own| own.to_owned()).collect(),
        fault: None,
    };
    Message { at, parties: [parties(from), parties(to), parties(&[]), parties(&[])], date }
}

fn test(all: bool) -> MailTest {
    MailTest {
        party: Some(vec!["@firm.example".to_owned(), "ann@x.org".to_owned()]),
        loose: vec!["@firm.example".to_owned(), "ann@x.org".to_owned()],
        role: vec![Role::From, Role::To],
        within: None,
        all,
        zoneless_ns: None,
    }
}

fn value(test: &MailTest, messages: &[Message], layer: Layer) -> Trit {
    let mut tally = MailTally::new("s", test);
    messages.iter().for_each(|message| tally.add(message));
    let fact = tally.fact(layer);
    assert!(fact.is_sound(), "{fact:?}");
    test.value(&fact, false)
}

const NO_DATE: MailDate = MailDate::Fault(MailCause::NoDate);

#[test]
fn one_message_or_every_message() {
    let fits = message(0, &["Ann@X.org"], &[], NO_DATE);
    let by_domain = message(9, &["x@y.z"], &["lawyer@FIRM.example"], NO_DATE);
    let misses = message(20, &["ann@x.org.evil.example"], &["a@sub.firm.example"], NO_DATE);
    let mut open = misses.clone();
    open.parties[1].fault = Some(MailCause::Address);
    for (messages, layer, any, all) in [
        (vec![fits.clone()], Layer::Full, Trit::T, Trit::T),
        (vec![fits.clone(), by_domain.clone()], Layer::Full, Trit::T, Trit::T),
        (vec![fits.clone(), misses.clone()], Layer::Full, Trit::T, Trit::F),
        (vec![misses.clone()], Layer::Full, Trit::F, Trit::F),
        (vec![misses.clone(), open.clone()], Layer::Full, Trit::U, Trit::F),
        (vec![fits.clone(), open.clone()], Layer::Full, Trit::T, Trit::U),
        (vec![open], Layer::Full, Trit::U, Trit::U),
        (vec![], Layer::Full, Trit::F, Trit::F),
        (vec![], Layer::None, Trit::F, Trit::F),
        (vec![], Layer::Unread, Trit::U, Trit::U),
        (vec![fits], Layer::Unread, Trit::T, Trit::U),
        (vec![misses], Layer::Unread, Trit::U, Trit::F),
    ] {
        assert_eq!(value(&test(false), &messages, layer), any, "any of {messages:?} {layer:?}");
        assert_eq!(value(&test(true), &messages, layer), all, "all of {messages:?} {layer:?}");
    }
}

#[test]
fn the_date_is_of_the_same_message_as_the_party() {
    let mut wanted = test(false);
    wanted.within = Some((0, 10_000_000_000));
    let counsel_late = message(0, &["ann@x.org"], &[], MailDate::Utc(10));
    let other_inside = message(5, &["x@y.z"], &[], MailDate::Utc(9));
    assert_eq!(value(&wanted, &[counsel_late, other_inside], Layer::Full), Trit::F);
    assert_eq!(value(&wanted, &[message(0, &["ann@x.org"], &[], MailDate::Utc(0))], Layer::Full), Trit::T);
}

#[test]
fn a_date_without_a_zone_waits_for_the_policy() {
    let mut wanted = test(false);
    wanted.within = Some((0, 10_000_000_000));
    let local = [message(0, &["ann@x.org"], &[], MailDate::Local(3_605))];
    assert_eq!(value(&wanted, &local, Layer::Full), Trit::U);
    wanted.zoneless_ns = Some(3_600_000_000_000);
    assert_eq!(value(&wanted, &local, Layer::Full), Trit::T);
}

#[test]
fn a_field_that_cannot_be_read_is_never_no_hit() {
    let mut broken = message(0, &["x@y.z"], &[], NO_DATE);
    broken.parties[0].fault = Some(MailCause::Twice);
    assert_eq!(value(&test(false), &[broken.clone()], Layer::Full), Trit::U);
    broken.parties[0].addresses.push("ann@x.org".to_owned());
    assert_eq!(value(&test(false), &[broken.clone()], Layer::Full), Trit::T);
    // A fault in a role that nobody asks for is of no account.
    let mut to_alone = test(false);
    to_alone.role = vec![Role::To];
    assert_eq!(value(&to_alone, &[broken], Layer::Full), Trit::F);
}

#[test]
fn a_narrower_condition_implies_the_wider() {
    let wide = test(false);
    let mut narrow = test(false);
    narrow.party = Some(vec!["bob@firm.example".to_owned()]);
    narrow.role = vec![Role::To];
    narrow.within = Some((0, 5));
    assert!(narrow.implies(&wide) && !wide.implies(&narrow) && wide.implies(&wide));
    narrow.all = true;
    assert!(narrow.implies(&wide), "where every message fits, one does");
    narrow.all = false;
    let mut every = test(true);
    every.role = vec![Role::From];
    assert!(!wide.implies(&every) && every.implies(&wide));
}

#[test]
fn an_address_that_some_programs_take_for_a_listed_one_leaves_it_open() {
    for (address, expected) in [
        ("ann@x\u{3002}org", Trit::U),
        ("ann@\u{ff58}.org", Trit::U),
        ("\u{ff41}nn@x.org", Trit::U),
        ("ann@x\u{ad}.org", Trit::U),
        ("lawyer@sub\u{ff0e}firm.example", Trit::F),
        ("lawyer@f\u{200b}irm.example", Trit::U),
        ("ann@\u{445}.org", Trit::F),
        ("ann@x.org", Trit::T),
    ] {
        assert_eq!(
            value(&test(false), &[message(0, &[address], &[], NO_DATE)], Layer::Full),
            expected,
            "{address}"
        );
    }
}

#[test]
fn what_may_be_no_message_neither_fits_nor_misses() {
    for address in ["ann@x.org", "else@x.org"] {
        let mut doubtful = message(0, &[address], &[], NO_DATE);
        doubtful.parties.iter_mut().for_each(|own| own.fault = Some(MailCause::Begin));
        for all in [false, true] {
            assert_eq!(value(&test(all), &[doubtful.clone()], Layer::Full), Trit::U, "{address}, all: {all}");
        }
    }
}
