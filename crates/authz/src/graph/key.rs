//! The id of a node. Most often it is a UUID, which is kept as 16 bytes.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

/// An id as it is kept, or a text where that is what a node is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Key {
    /// Nobody has this place.
    #[default]
    None,
    /// A UUID in its usual spelling.
    Uuid([u8; 16]),
    /// Anything else.
    Text(Box<str>),
}

/// An id as it is looked up.
#[derive(Clone, Copy)]
pub(crate) enum Name<'a> {
    Uuid([u8; 16]),
    Text(&'a str),
}

impl Key {
    pub(crate) fn name(&self) -> Option<Name<'_>> {
        match self {
            Self::None => None,
            Self::Uuid(bytes) => Some(Name::Uuid(*bytes)),
            Self::Text(text) => Some(Name::Text(text)),
        }
    }

    pub(crate) fn is(&self, name: Name<'_>) -> bool {
        match (self, name) {
            (Self::Uuid(had), Name::Uuid(bytes)) => *had == bytes,
            (Self::Text(had), Name::Text(text)) => **had == *text,
            _ => false,
        }
    }

    /// Memory beside the key itself, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Uuid(_) | Self::None => 0,
        }
    }
}

impl From<Name<'_>> for Key {
    fn from(name: Name<'_>) -> Self {
        match name {
            Name::Uuid(bytes) => Self::Uuid(bytes),
            Name::Text(text) => Self::Text(text.into()),
        }
    }
}

impl<'a> Name<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        uuid(text).map_or(Self::Text(text), Self::Uuid)
    }

    pub(crate) fn hash(self, state: &FixedState) -> u64 {
        let mut hasher = state.build_hasher();
        match self {
            Self::Uuid(bytes) => hasher.write_u128(u128::from_le_bytes(bytes)),
            Self::Text(text) => hasher.write(text.as_bytes()),
        }
        hasher.finish()
    }

    /// The id as it was written.
    pub(crate) fn text(self) -> String {
        match self {
            Self::Uuid(bytes) => print(&bytes),
            Self::Text(text) => text.to_owned(),
        }
    }
}

/// Where the hyphens of a UUID stand (RFC 9562 §4).
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// Where the two digits of each byte begin.
const DIGITS: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/// What a digit stands for; of what is none, more than four bits.
const NIBBLES: [u8; 256] = {
    let mut all = [u8::MAX; 256];
    let mut value = 0;
    while value < 16 {
        #[expect(clippy::indexing_slicing, reason = "checked when it is compiled")]
        {
            all[b"0123456789abcdef"[value] as usize] = value as u8;
        }
        value += 1;
    }
    all
};

/// The bytes of a UUID in its usual spelling. In any other spelling it is a text like any other, so that ids stay as they are.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.as_bytes().try_into().ok()?;
    let nibble =
        |at: usize| text.get(at).and_then(|byte| NIBBLES.get(usize::from(*byte))).copied().unwrap_or(u8::MAX);
    // Without a branch for each digit: this is done for every id that is looked up.
    let mut all = 0;
    let bytes = DIGITS.map(|at| {
        let (high, low) = (nibble(at), nibble(at + 1));
        all |= high | low;
        high << 4 | low
    });
    (all < 16 && HYPHENS.iter().all(|at| text.get(*at) == Some(&b'-'))).then_some(bytes)
}

fn print(bytes: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for byte in bytes {
        if HYPHENS.contains(&text.len()) {
            text.push('-');
        }
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_their_spelling() {
        const UUID: &str = "0198c0de-0000-7abc-8def-0123456789ab";
        let others =
            [UUID.to_uppercase(), UUID.replace('-', "0"), UUID.replace('b', "-"), UUID.replace('9', "g")];
        for id in ["", "ada", UUID].into_iter().chain(others.iter().map(String::as_str)) {
            let key = Key::from(Name::of(id));
            assert_eq!(key.name().map(Name::text).as_deref(), Some(id));
            assert_eq!(matches!(key, Key::Uuid(_)), id == UUID);
            assert!(key.is(Name::of(id)) && !key.is(Name::of("b")));
        }
        assert_eq!(size_of::<Key>(), 24);
    }
}
