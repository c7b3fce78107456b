//! Randomness, from the operating system alone.

/// The operating system gave no randomness; nothing that needs some can go on.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no randomness: {0}")]
pub struct RandomError(getrandom::Error);

/// `N` random bytes.
///
/// # Errors
///
/// [`RandomError`] where the operating system has none to give.
pub fn bytes<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(RandomError)?;
    Ok(bytes)
}
