//! Names to numbers and back: the ids of one kind of node. An id is most often a UUID, which is kept as 16 bytes.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::{BuildHasher, Hasher};

/// Numbers of one kind of node.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    keys: Vec<Key>,
    /// Numbers that were given back, to be used again.
    free: Vec<u32>,
    numbers: HashTable<u32>,
    state: FixedState,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    /// Nobody has this number.
    None,
    Uuid([u8; 16]),
    Text(Box<str>),
}

/// A name as it is looked up.
#[derive(Clone, Copy)]
enum Name<'a> {
    Uuid([u8; 16]),
    Text(&'a str),
}

impl Names {
    /// No names yet. The seed keeps a client from choosing names that collide.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self {
            keys: Vec::new(),
            free: Vec::new(),
            numbers: HashTable::new(),
            state: FixedState::with_seed(seed),
        }
    }

    /// The number of this name.
    pub(crate) fn get(&self, name: &str) -> Option<u32> {
        let name = Name::of(name);
        self.numbers.find(self.hash(name), |number| self.is(*number, name)).copied()
    }

    /// The number of this name, which it gets now when it has none.
    pub(crate) fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.get(name) {
            return number;
        }
        let name = Name::of(name);
        let key = match name {
            Name::Uuid(bytes) => Key::Uuid(bytes),
            Name::Text(text) => Key::Text(text.into()),
        };
        let number = match self.free.pop() {
            Some(number) => {
                self.keys.get_mut(number as usize).into_iter().for_each(|place| *place = key.clone());
                number
            }
            None => {
                self.keys.push(key);
                u32::try_from(self.keys.len() - 1).unwrap_or(u32::MAX)
            }
        };
        let hash = self.hash(name);
        let (keys, state) = (&self.keys, &self.state);
        self.numbers.insert_unique(hash, number, |number| {
            keys.get(*number as usize).and_then(Key::name).map_or(0, |name| hash_of(state, name))
        });
        number
    }

    /// Gives the number back.
    pub(crate) fn release(&mut self, number: u32) {
        let Some(key) = self.keys.get_mut(number as usize) else { return };
        let key = std::mem::replace(key, Key::None);
        let Some(name) = key.name() else { return };
        if let Ok(entry) = self.numbers.find_entry(self.hash(name), |had| *had == number) {
            entry.remove();
            self.free.push(number);
        }
    }

    /// The name of this number.
    pub(crate) fn name(&self, number: u32) -> Option<String> {
        match self.keys.get(number as usize)? {
            Key::None => None,
            Key::Text(text) => Some(text.clone().into()),
            Key::Uuid(bytes) => Some(print(bytes)),
        }
    }

    /// The name of this number where it is kept as a text.
    pub(crate) fn text(&self, number: u32) -> Option<&str> {
        match self.keys.get(number as usize)? {
            Key::Text(text) => Some(text),
            Key::Uuid(_) | Key::None => None,
        }
    }

    /// Every number in use.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u32> {
        (0..).zip(&self.keys).filter(|(_, key)| **key != Key::None).map(|(number, _)| number)
    }

    /// Memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let text = |key: &Key| match key {
            Key::Text(text) => text.len(),
            Key::Uuid(_) | Key::None => 0,
        };
        self.keys.capacity() * size_of::<Key>()
            + self.keys.iter().map(text).sum::<usize>()
            + self.free.capacity() * size_of::<u32>()
            + self.numbers.allocation_size()
    }

    fn is(&self, number: u32, name: Name<'_>) -> bool {
        match (self.keys.get(number as usize), name) {
            (Some(Key::Uuid(had)), Name::Uuid(bytes)) => *had == bytes,
            (Some(Key::Text(had)), Name::Text(text)) => **had == *text,
            _ => false,
        }
    }

    fn hash(&self, name: Name<'_>) -> u64 {
        hash_of(&self.state, name)
    }
}

fn hash_of(state: &FixedState, name: Name<'_>) -> u64 {
    let mut hasher = state.build_hasher();
    match name {
        Name::Uuid(bytes) => hasher.write_u128(u128::from_le_bytes(bytes)),
        Name::Text(text) => hasher.write(text.as_bytes()),
    }
    hasher.finish()
}

impl Key {
    fn name(&self) -> Option<Name<'_>> {
        match self {
            Self::None => None,
            Self::Uuid(bytes) => Some(Name::Uuid(*bytes)),
            Self::Text(text) => Some(Name::Text(text)),
        }
    }
}

impl<'a> Name<'a> {
    fn of(text: &'a str) -> Self {
        uuid(text).map_or(Self::Text(text), Self::Uuid)
    }
}

/// Where the hyphens of a UUID stand (RFC 9562 §4).
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// The bytes of a UUID in its usual spelling. In any other spelling it is a text like any other, so that ids stay as they are.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.as_bytes().try_into().ok()?;
    let mut bytes = [0; 16];
    let mut digits = 0;
    for (at, byte) in text.iter().enumerate() {
        let value = match byte {
            b'-' if HYPHENS.contains(&at) => continue,
            _ if HYPHENS.contains(&at) => return None,
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        let place: &mut u8 = bytes.get_mut(digits / 2)?;
        *place = *place << 4 | value;
        digits += 1;
    }
    Some(bytes)
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
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const UUID: &str = "0198c0de-0000-7abc-8def-0123456789ab";

    #[test]
    fn ids_keep_their_spelling() {
        let mut names = Names::seeded(1);
        for name in [
            "",
            "ada",
            UUID,
            &UUID.to_uppercase(),
            &UUID.replace('-', "0"),
            "0198c0de-0000-7abc-8def-0123456789a-",
        ] {
            let number = names.number(name);
            assert_eq!(names.name(number).as_deref(), Some(name));
            assert_eq!(names.get(name), Some(number));
        }
        assert_eq!(size_of::<Key>(), 24);
    }

    proptest! {
        #[test]
        fn names_have_one_number_until_they_give_it_back(
            changes in proptest::collection::vec((any::<bool>(), 0u8..20), 0..200),
        ) {
            let (mut names, mut known) = (Names::seeded(7), BTreeMap::new());
            for (add, name) in changes {
                let name = if name % 2 == 0 { format!("name {name}") } else { UUID.replace('c', &format!("{:x}", name / 2)) };
                match add {
                    true => {
                        let number = names.number(&name);
                        prop_assert_eq!(*known.entry(name).or_insert(number), number);
                    }
                    false => if let Some(number) = known.remove(&name) { names.release(number) },
                }
                for (name, number) in &known {
                    prop_assert_eq!(names.get(name), Some(*number));
                }
                prop_assert_eq!(names.numbers().count(), known.len());
                prop_assert!(names.keys.len() <= 20);
            }
        }
    }
}
