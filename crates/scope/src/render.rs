//! Rendering.

use crate::policy::Policy;

/// The name of the rendering's format. Its bytes are signed: any change of them is a new name.
pub const RENDERER: &str = "ambit-render/1";

/// The policy in plain language.
#[must_use]
pub fn render(policy: &Policy) -> String {
    policy.title().to_owned()
}
