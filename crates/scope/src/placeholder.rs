//! What a draft has in the place of what a person must fill in.

/// How texts of a draft begin that say what is to be filled in.
pub const TO_FILL_IN: &str = "TO BE FILLED IN";

/// Recipients of a draft: case, auditor, court. Nobody has the keys, since what stands there as the public key is the
/// SHA-256 of `ambit placeholder recipient: case` (`auditor`, `court`).
pub const RECIPIENTS: [&str; 3] = [
    "age1hxuvcmzc0xrputf6exwax4fjjldgn7y07kn6c6gxws0ukx862h8qyh23dj",
    "age1tn2rm6kdefvvgfmxq7zwppwd4a77xzzeg9zq9zuz3lajzqjwjmmsm34xa8",
    "age1dqt6dfu5y0ztr2atqsm2j47dfnrhxmxuc2ed6jllakshnjnhckasjsxw8w",
];

/// How ids and labels of a draft begin, which have no room for more.
pub const ID_TO_FILL_IN: &str = "to-be-filled-in";

/// The last second of the dates of a draft: they lie in 1970, when nobody ordered anything of this kind.
pub(crate) const LAST_DATE: i64 = 365 * 86_400 - 1;

/// Whether a text still says what is to be filled in.
pub(crate) fn is_to_fill_in(text: &str) -> bool {
    text.starts_with(TO_FILL_IN) || text.starts_with(ID_TO_FILL_IN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recipients_are_of_nobody() {
        for (who, recipient) in ["case", "auditor", "court"].into_iter().zip(RECIPIENTS) {
            let key = crate::Digest::of(format!("ambit placeholder recipient: {who}").as_bytes());
            let hrp = bech32::Hrp::parse("age").unwrap();
            assert_eq!(bech32::encode::<bech32::Bech32>(hrp, &key.0).unwrap(), recipient);
        }
    }
}
