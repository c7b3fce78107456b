//! An `i128` as a decimal string: JSON numbers are exact only within 2^53.

use serde::{Deserialize, Deserializer, Serializer};

pub(super) fn serialize<S: Serializer>(value: &i128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i128, D::Error> {
    let text = String::deserialize(deserializer)?;
    let value: i128 = text.parse().map_err(serde::de::Error::custom)?;
    if value.to_string() == text {
        Ok(value)
    } else {
        Err(serde::de::Error::custom("a decimal number has one spelling: no sign `+`, no leading zero"))
    }
}
