//! A request as it was sent: the members that are known, each with its value or with the type that it has instead.
//!
//! Texts are borrowed from the body. What is not known is passed over, however much and however deep it is.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

/// A request, whichever it is.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct Request<'a>(#[serde(borrow)] pub(super) Member<Members<'a>>);

/// The members of all requests.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Members<'a> {
    #[serde(borrow)]
    pub(super) subject: Member<Entity<'a>>,
    #[serde(borrow)]
    pub(super) action: Member<Entity<'a>>,
    #[serde(borrow)]
    pub(super) resource: Member<Entity<'a>>,
    pub(super) context: Member<Context>,
    #[serde(borrow)]
    pub(super) evaluations: Member<Vec<Member<Item<'a>>>>,
    #[serde(borrow)]
    pub(super) options: Member<Options<'a>>,
    #[serde(borrow)]
    pub(super) page: Member<Page<'a>>,
}

/// One evaluation of many (§7.1).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Item<'a> {
    #[serde(borrow)]
    pub(super) subject: Member<Entity<'a>>,
    #[serde(borrow)]
    pub(super) action: Member<Entity<'a>>,
    #[serde(borrow)]
    pub(super) resource: Member<Entity<'a>>,
    pub(super) context: Member<Context>,
}

/// A subject, action or resource (§5).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Entity<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Member<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) id: Member<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) name: Member<Cow<'a, str>>,
    pub(super) properties: Member<Passed>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Context {
    pub(super) explain: Member<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Options<'a> {
    #[serde(borrow)]
    pub(super) evaluations_semantic: Member<Cow<'a, str>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Page<'a> {
    #[serde(borrow)]
    pub(super) token: Member<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) next_token: Member<Cow<'a, str>>,
    pub(super) limit: Member<Number>,
}

/// An object nobody looks into.
#[derive(Debug)]
pub(super) struct Passed;

/// A member of a message.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Member<T> {
    /// It is not there.
    #[default]
    Missing,
    /// It is what it should be.
    Is(T),
    /// It is something else: a value of this type, in words.
    Not(&'static str),
}

/// What a value may be; whatever is not taken is something else.
trait Shape<'de>: Sized {
    fn boolean(_: bool) -> Option<Self> {
        None
    }

    fn number(_: Number) -> Option<Self> {
        None
    }

    fn string(_: Cow<'de, str>) -> Option<Self> {
        None
    }

    fn array<A: SeqAccess<'de>>(mut items: A) -> Result<Option<Self>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn object<A: MapAccess<'de>>(mut members: A) -> Result<Option<Self>, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

impl Shape<'_> for bool {
    fn boolean(value: bool) -> Option<Self> {
        Some(value)
    }
}

impl Shape<'_> for Number {
    fn number(value: Number) -> Option<Self> {
        Some(value)
    }
}

impl<'de: 'a, 'a> Shape<'de> for Cow<'a, str> {
    fn string(text: Cow<'de, str>) -> Option<Self> {
        Some(text)
    }
}

impl<'de: 'a, 'a> Shape<'de> for Vec<Member<Item<'a>>> {
    fn array<A: SeqAccess<'de>>(mut items: A) -> Result<Option<Self>, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element()? {
            all.push(item);
        }
        Ok(Some(all))
    }
}

impl<'de> Shape<'de> for Passed {
    fn object<A: MapAccess<'de>>(members: A) -> Result<Option<Self>, A::Error> {
        IgnoredAny.visit_map(members).map(|_| Some(Self))
    }
}

macro_rules! objects {
    ($($object:ty)+) => { $(
        impl<'de: 'a, 'a> Shape<'de> for $object {
            fn object<A: MapAccess<'de>>(members: A) -> Result<Option<Self>, A::Error> {
                Self::deserialize(MapAccessDeserializer::new(members)).map(Some)
            }
        }
    )+ };
}

objects! { Members<'a> Item<'a> Entity<'a> Context Options<'a> Page<'a> }

impl<'de, T: Shape<'de>> Deserialize<'de> for Member<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader(PhantomData))
    }
}

struct Reader<T>(PhantomData<T>);

impl<'de, T: Shape<'de>> Visitor<'de> for Reader<T> {
    type Value = Member<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Member<T>, E> {
        Ok(Member::Not("null"))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Member<T>, E> {
        Ok(T::boolean(value).map_or(Member::Not("a boolean"), Member::Is))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Member<T>, E> {
        Ok(T::number(value.into()).map_or(Member::Not("a number"), Member::Is))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Member<T>, E> {
        Ok(T::number(value.into()).map_or(Member::Not("a number"), Member::Is))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Member<T>, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("number out of range"))?;
        Ok(T::number(number).map_or(Member::Not("a number"), Member::Is))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Member<T>, E> {
        Ok(T::string(Cow::Borrowed(text)).map_or(Member::Not("a string"), Member::Is))
    }

    fn visit_str<E>(self, text: &str) -> Result<Member<T>, E> {
        Ok(T::string(Cow::Owned(text.to_owned())).map_or(Member::Not("a string"), Member::Is))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Member<T>, A::Error> {
        Ok(T::array(items)?.map_or(Member::Not("an array"), Member::Is))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Member<T>, A::Error> {
        Ok(T::object(members)?.map_or(Member::Not("an object"), Member::Is))
    }
}
