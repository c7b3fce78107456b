//! BagIt 1.0 manifests.
