use super::*;

const NOTE: &str = r#"{"format":"ambit/custody-event/1","origin":"example.org/KC07","index":1,
"prev_entry":"sha256:0000000000000000000000000000000000000000000000000000000000000000",
"prev_tree":{"size":1,"root":"sha256:0000000000000000000000000000000000000000000000000000000000000000"},
"when":"2026-11-23T09:14:00+01:00","clock":{"source":"system","offset_seconds":null},
"who":[{"principal":"a","role":"examiner","person":"A","organisation":"L"}],
"action":{"kind":"note","text":"x"},"reason":"",
"tool":{"name":"ambit","version":"0","digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000"}}"#;

fn check(from: &str, to: &str, expected: &str) {
    let text = NOTE.replacen(from, to, 1);
    let found = match Event::from_bytes(text.as_bytes()) {
        Ok(event) => {
            assert_eq!(Event::from_bytes(&event.to_bytes()).unwrap(), event);
            event.action.kind().to_owned()
        }
        Err(e) => e.to_string(),
    };
    assert!(found.contains(expected), "{found} does not say {expected}");
}

#[test]
fn an_event_is_read_strictly() {
    check("", "", "note");
    check("custody-event/1", "custody-event/2", "unknown variant");
    check("\"kind\":\"note\"", "\"kind\":\"canary\"", "unknown variant `canary`");
    check("\"text\":\"x\"", "\"text\":\"x\",\"more\":1", "unknown field `more`");
    check("\"text\":\"x\"", "\"text\":\"x\",\"kind\":\"note\"", "key `kind` twice");
    check("\"reason\":\"\",", "", "missing field `reason`");
    check(",\"offset_seconds\":null", "", "missing field `offset_seconds`");
    check("\"index\":1", "\"index\":0", "prev_entry: null at index 0");
    check("\"index\":1", "\"index\":1.0", "not a plain integer");
    check("example.org/KC07", "example org", "origin: not an origin");
    check("\"principal\":\"a\"", "\"principal\":\"../a\"", "not a principal's name");
    check("\"role\":\"examiner\"", "\"role\":\"king\"", "unknown variant `king`");
    check("T09:14:00+01:00", "T09:14:00", "not a time");
    check("T09:14:00+01:00", " 09:14:00+01:00", "not a time");
    check("T09:14:00+01:00", "T09:14:60+01:00", "not a time");
    check("T09:14:00+01:00", "T09:14:00-00:00", "not a time");
    check("T09:14:00+01:00", "T08:14:00Z", "note");
}
