//! Kleene's three values.

/// True, false or unknown.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Trit {
    /// False.
    F,
    /// Unknown.
    U,
    /// True.
    T,
}

impl Trit {
    /// What is false unless one of `values` says more: the greatest.
    pub(crate) fn or(values: impl IntoIterator<Item = Self>) -> Self {
        values.into_iter().max().unwrap_or(Self::F)
    }

    /// What is true unless one of `values` says less: the least.
    pub(crate) fn and(values: impl IntoIterator<Item = Self>) -> Self {
        values.into_iter().min().unwrap_or(Self::T)
    }

    pub(crate) fn not(self) -> Self {
        match self {
            Self::F => Self::T,
            Self::U => Self::U,
            Self::T => Self::F,
        }
    }

    pub(crate) fn known(value: bool) -> Self {
        if value { Self::T } else { Self::F }
    }

    pub(crate) fn letter(self) -> u8 {
        match self {
            Self::F => b'F',
            Self::U => b'U',
            Self::T => b'T',
        }
    }
}
