//! PATCH against a simple model, and the laws it obeys whatever is asked.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::admit::{admit, is_primary};
use crate::filter::sample::object as as_object;

/// A kind small enough for a model of it.
static THING: LazyLock<ResourceType> = LazyLock::new(|| {
    let mut thing = DEVICE.clone();
    thing.extensions.clear();
    let schema = r#"{ "id": "urn:example:2.0:Thing", "name": "Thing", "attributes": [
        { "name": "title" },
        { "name": "place", "type": "complex", "subAttributes": [ { "name": "x" }, { "name": "y" } ] },
        { "name": "tags", "multiValued": true, "caseExact": true },
        { "name": "mails", "type": "complex", "multiValued": true, "subAttributes": [
            { "name": "value", "caseExact": true }, { "name": "type", "caseExact": true },
            { "name": "primary", "type": "boolean" } ] } ] }"#;
    thing.schema = std::sync::Arc::new(Schema::parse(schema).unwrap());
    thing
});

type Text = Option<&'static str>;

#[derive(Clone, Debug, Default, PartialEq)]
struct Thing {
    title: Text,
    place: (Text, Text),
    tags: Vec<&'static str>,
    mails: Vec<Mail>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Mail {
    value: Text,
    kind: Text,
    primary: Option<bool>,
}

impl Mail {
    fn json(self) -> Value {
        without_nulls(json!({ "value": self.value, "type": self.kind, "primary": self.primary }))
    }
}

impl Thing {
    fn json(&self) -> Object {
        let place = without_nulls(json!({ "x": self.place.0, "y": self.place.1 }));
        let mails: Vec<_> = self.mails.iter().map(|mail| mail.json()).collect();
        let mut thing = as_object(json!({ "schemas": [THING.schema.id], "title": self.title, "place": place,
            "tags": self.tags, "mails": mails }));
        thing.retain(|_, v| *v != Value::Null && *v != json!([]) && *v != json!({}));
        thing
    }
}

fn without_nulls(value: Value) -> Value {
    Value::Object(as_object(value).into_iter().filter(|(_, value)| !value.is_null()).collect())
}

/// What can be asked of a thing.
#[derive(Clone, Debug)]
enum Ask {
    Title(Op, Text),
    X(Op, Text),
    Place(Op, (Option<Text>, Text)),
    Tags(Op, Vec<&'static str>),
    Tag(&'static str),
    Mails(Op, Vec<Mail>),
    NoMails,
    MailsOf(Op, &'static str, Mail),
    ValueOf(Op, &'static str, Text),
    PrimaryOf(Op, &'static str, bool),
}

impl Ask {
    fn operation(&self) -> Operation {
        let (op, path, value) = match self {
            Self::Title(op, title) => (*op, "title".to_owned(), json!(title)),
            Self::X(op, x) => (*op, "place.x".to_owned(), json!(x)),
            Self::Place(op, (x, y)) => {
                let mut given = without_nulls(json!({ "y": y }));
                if let Some(x) = x {
                    given["x"] = json!(x);
                }
                (*op, "place".to_owned(), given)
            }
            Self::Tags(op, tags) => (*op, "tags".to_owned(), json!(tags)),
            Self::Tag(tag) => (Op::Remove, format!(r#"tags[value eq "{tag}"]"#), Value::Null),
            Self::Mails(op, mails) => (*op, "mails".to_owned(), mails.iter().map(|m| m.json()).collect()),
            Self::NoMails => (Op::Remove, "mails".to_owned(), Value::Null),
            Self::MailsOf(op, kind, mail) => (*op, format!(r#"mails[type eq "{kind}"]"#), mail.json()),
            Self::ValueOf(op, kind, value) => {
                (*op, format!(r#"mails[type eq "{kind}"].value"#), json!(value))
            }
            Self::PrimaryOf(op, kind, primary) => {
                (*op, format!(r#"mails[type eq "{kind}"].primary"#), json!(primary))
            }
        };
        Operation { op, path: Some(path), value: Some(value) }
    }

    /// What the model makes of it; `None` where it is refused.
    fn done(&self, mut thing: Thing) -> Option<Thing> {
        let set = |op: Op, value: Text| if op == Op::Remove { None } else { value };
        let mut chosen: Vec<usize> = Vec::new();
        match self {
            Self::Title(op, title) => thing.title = set(*op, *title),
            Self::X(op, x) => thing.place.0 = set(*op, *x),
            Self::Place(Op::Remove, _) => thing.place = (None, None),
            Self::Place(_, (x, y)) => thing.place = (x.unwrap_or(thing.place.0), y.or(thing.place.1)),
            Self::Tags(Op::Add, tags) => thing.tags.extend(tags),
            Self::Tags(Op::Replace, tags) => thing.tags.clone_from(tags),
            Self::Tags(Op::Remove, tags) => thing.tags.retain(|tag| !tags.contains(tag)),
            Self::Tag(tag) => thing.tags.retain(|known| known != tag),
            Self::NoMails => thing.mails.clear(),
            Self::Mails(op, mails) => return mails_done(*op, mails, thing),
            Self::MailsOf(Op::Remove, kind, _) => thing.mails.retain(|mail| mail.kind != Some(kind)),
            Self::MailsOf(_, _, Mail { value: None, kind: None, primary: None }) => {}
            Self::ValueOf(Op::Remove, kind, _) | Self::ValueOf(_, kind, None) => {
                thing
                    .mails
                    .iter_mut()
                    .filter(|mail| mail.kind == Some(kind))
                    .for_each(|mail| mail.value = None);
            }
            Self::PrimaryOf(Op::Remove, kind, _) => {
                thing
                    .mails
                    .iter_mut()
                    .filter(|mail| mail.kind == Some(kind))
                    .for_each(|mail| mail.primary = None);
            }
            Self::MailsOf(_, kind, _) | Self::ValueOf(_, kind, _) | Self::PrimaryOf(_, kind, _) => {
                if thing.mails.iter().all(|mail| mail.kind != Some(kind)) {
                    thing.mails.push(Mail { kind: Some(kind), ..Mail::default() });
                }
                chosen = (0..thing.mails.len()).filter(|at| thing.mails[*at].kind == Some(kind)).collect();
            }
        }
        for at in &chosen {
            let mail = &mut thing.mails[*at];
            match *self {
                Self::ValueOf(_, _, value) => mail.value = value,
                Self::PrimaryOf(_, _, primary) => mail.primary = Some(primary),
                Self::MailsOf(Op::Replace, kind, new) => {
                    *mail = Mail { kind: new.kind.or(Some(kind)), ..new }
                }
                Self::MailsOf(_, _, new) => {
                    *mail = Mail {
                        value: new.value.or(mail.value),
                        kind: new.kind.or(mail.kind),
                        primary: new.primary.or(mail.primary),
                    };
                }
                _ => {}
            }
        }
        settled(thing, &chosen)
    }
}

fn mails_done(op: Op, mails: &[Mail], mut thing: Thing) -> Option<Thing> {
    let mails: Vec<Mail> = distinct(mails.iter().filter(|mail| **mail != Mail::default()));
    if mails.iter().filter(|mail| mail.primary == Some(true)).count() > 1 {
        return None;
    }
    let mut touched = Vec::new();
    match op {
        Op::Replace => thing.mails = mails,
        Op::Remove => {
            let holds = |said: Text, known: Text| said.is_none() || said == known;
            let names = |sent: &Mail, known: &Mail| {
                holds(sent.value, known.value)
                    && holds(sent.kind, known.kind)
                    && (sent.value.is_some() || sent.primary.is_none() || sent.primary == known.primary)
            };
            thing.mails.retain(|known| !mails.iter().any(|sent| names(sent, known)));
        }
        Op::Add => {
            for mail in mails {
                let is_same = |known: &Mail| match (known.value, mail.value) {
                    (Some(a), Some(b)) => a == b && known.kind == mail.kind,
                    _ => *known == mail,
                };
                let at = thing.mails.iter().position(is_same).unwrap_or(thing.mails.len());
                touched.push(at);
                match thing.mails.get_mut(at) {
                    Some(known) => known.primary = mail.primary.or(known.primary),
                    None => thing.mails.push(mail),
                }
            }
        }
    }
    settled(thing, &touched)
}

/// One primary value, no empty values, no value twice.
fn settled(mut thing: Thing, touched: &[usize]) -> Option<Thing> {
    let mut new: Vec<usize> =
        touched.iter().copied().filter(|at| thing.mails[*at].primary == Some(true)).collect();
    new.dedup();
    match new[..] {
        [] => {}
        [only] => {
            let others = thing
                .mails
                .iter_mut()
                .enumerate()
                .filter(|(at, mail)| *at != only && mail.primary == Some(true));
            others.for_each(|(_, mail)| mail.primary = Some(false));
        }
        _ => return None,
    }
    thing.mails.retain(|mail| *mail != Mail::default());
    thing.mails = distinct(thing.mails.iter());
    thing.tags = distinct(thing.tags.iter());
    Some(thing)
}

fn distinct<'v, T: Copy + PartialEq + 'v>(values: impl Iterator<Item = &'v T>) -> Vec<T> {
    let mut out = Vec::new();
    for value in values {
        if !out.contains(value) {
            out.push(*value);
        }
    }
    out
}

fn texts() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "c"])
}

fn maybe() -> impl Strategy<Value = Text> {
    prop::option::weighted(0.8, texts())
}

fn mails() -> impl Strategy<Value = Mail> {
    (maybe(), maybe(), prop::option::of(prop::bool::weighted(0.3))).prop_map(|(value, kind, primary)| Mail {
        value,
        kind,
        primary,
    })
}

fn things() -> impl Strategy<Value = Thing> {
    let lists = (prop::collection::vec(texts(), 0..3), prop::collection::vec(mails(), 0..4));
    (maybe(), maybe(), maybe(), lists).prop_map(|(title, x, y, (tags, mut mails))| {
        let mut seen = false;
        for mail in &mut mails {
            mail.primary = mail.primary.map(|primary| primary && !seen);
            seen |= mail.primary == Some(true);
        }
        settled(Thing { title, place: (x, y), tags, mails }, &[]).unwrap()
    })
}

fn ops() -> impl Strategy<Value = Op> {
    prop::sample::select(vec![Op::Add, Op::Replace, Op::Remove])
}

fn asks() -> impl Strategy<Value = Ask> {
    let tags = || prop::collection::vec(texts(), 0..3);
    let list = || prop::collection::vec(mails(), 0..3);
    prop_oneof![
        (ops(), maybe()).prop_map(|(op, title)| Ask::Title(op, title)),
        (ops(), maybe()).prop_map(|(op, x)| Ask::X(op, x)),
        (ops(), prop::option::of(maybe()), maybe()).prop_map(|(op, x, y)| Ask::Place(op, (x, y))),
        (ops(), tags()).prop_map(|(op, tags)| Ask::Tags(op, tags)),
        texts().prop_map(Ask::Tag),
        (ops(), list()).prop_map(|(op, mails)| Ask::Mails(op, mails)),
        Just(Ask::NoMails),
        (ops(), texts(), mails()).prop_map(|(op, kind, mail)| Ask::MailsOf(op, kind, mail)),
        (ops(), texts(), maybe()).prop_map(|(op, kind, value)| Ask::ValueOf(op, kind, value)),
        (ops(), texts(), any::<bool>()).prop_map(|(op, kind, primary)| Ask::PrimaryOf(op, kind, primary)),
    ]
}

fn applied(kind: &ResourceType, document: &Object, operations: &[Operation]) -> Result<Object, Error> {
    apply(kind, document, operations.to_vec(), AUTO, &PATCH).map(|out| out.document)
}

/// Operations that a client might send to a user or a device, sensible or not.
fn wild() -> impl Strategy<Value = Operation> {
    let paths = vec![
        "userName",
        "name",
        "name.givenName",
        "title",
        "emails",
        "emails.value",
        r#"emails[type eq "work"]"#,
        r#"emails[type eq "other"].value"#,
        r#"emails[primary eq "True"].primary"#,
        r#"emails[not (type eq "work")]"#,
        "emails.primary",
        "externalId",
        "password",
        "id",
        "schemas",
        "groups",
        "meta.version",
        "active",
        "tags",
        r#"tags[value eq "red"]"#,
        "ports",
        "ports.speeds",
        r#"ports[value eq "a"]"#,
        "ports.maker",
        "serial",
        "owner",
        "owner.since",
        "extra",
        "stock",
        "pin",
        "urn:example:2.0:Lease",
        "urn:example:2.0:Lease:number",
        "urn:example:2.0:Lease:contract",
        ENTERPRISE,
        "nonsense",
        "",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
    ];
    let values = vec![
        json!(null),
        json!("x"),
        json!(""),
        json!("True"),
        json!(true),
        json!(7),
        json!([]),
        json!({}),
        json!([null]),
        json!(["red", "green"]),
        json!({ "value": "x" }),
        json!([{ "value": "a", "type": "work", "primary": true }]),
        json!([{ "value": "b", "primary": true }, { "value": "c", "speeds": [1, 1] }]),
        json!({ "primary": true }),
        json!({ "value": "a", "maker": "z", "since": "June", "$ref": "r" }),
        json!({ "givenName": null, "familyName": "F" }),
        json!({ "title": "t", "name": "n", "emails": [{ "value": "y" }], "tags": "t" }),
        json!({ "contract": "d", "rate": 1 }),
        json!({ "userName": "x", "name.givenName": "G", "urn:example:2.0:Lease": { "rate": 2 } }),
        json!({ "attributes": { "title": "t" }, "externalID": {} }),
    ];
    let path = prop::option::weighted(0.9, prop::sample::select(paths));
    (ops(), path, prop::option::weighted(0.9, prop::sample::select(values)))
        .prop_map(|(op, path, value)| Operation { op, path: path.map(str::to_owned), value })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn patch_does_what_the_model_does(thing in things(), asks in prop::collection::vec(asks(), 1..4)) {
        let operations: Vec<_> = asks.iter().map(Ask::operation).collect();
        let model = asks.iter().try_fold(thing.clone(), |thing, ask| ask.done(thing));
        let real = applied(&THING, &thing.json(), &operations).ok();
        prop_assert_eq!(real, model.map(|thing| thing.json()));
    }

    #[test]
    fn replacing_twice_is_replacing_once(thing in things(), ask in asks()) {
        let operation = Operation { op: Op::Replace, ..ask.operation() };
        // A replacement that moves an element away from its filter has another target the second time.
        let moves = matches!(ask, Ask::MailsOf(_, kind, mail) if mail.kind.is_some_and(|new| new != kind));
        if let (false, Ok(once)) = (moves, applied(&THING, &thing.json(), std::slice::from_ref(&operation))) {
            prop_assert_eq!(applied(&THING, &once, &[operation]), Ok(once));
        }
    }

    #[test]
    fn what_is_added_and_removed_leaves_no_trace(thing in things(), value in "[d-z]{1,3}") {
        let (before, mail) = (thing.json(), json!([{ "value": value, "type": "new" }]));
        for (path, value, removal) in [
            ("tags", json!([value]), format!(r#"tags[value eq "{value}"]"#)),
            ("tags", json!(value), "tags".to_owned()),
            ("mails", mail.clone(), format!(r#"mails[value eq "{value}"]"#)),
            ("mails", mail, "mails".to_owned()),
        ] {
            let named = (removal == path).then(|| value.clone());
            let add = Operation { op: Op::Add, path: Some(path.to_owned()), value: Some(value) };
            let remove = Operation { op: Op::Remove, path: Some(removal), value: named };
            prop_assert_eq!(applied(&THING, &before, &[add, remove]), Ok(before.clone()));
        }
    }

    #[test]
    fn two_operations_are_one_after_the_other(a in wild(), b in wild()) {
        for (kind, document) in [(&*USER, ada()), (&*DEVICE, printer())] {
            let first = applied(kind, &document, std::slice::from_ref(&a));
            let (Ok(first), Ok(both)) = (first, applied(kind, &document, &[a.clone(), b.clone()])) else { continue };
            prop_assert_eq!(applied(kind, &first, std::slice::from_ref(&b)), Ok(both));
        }
    }

    #[test]
    fn what_is_patched_is_admitted_unchanged(operations in prop::collection::vec(wild(), 1..4)) {
        let mut device = printer();
        device.shift_remove("seen"); // admission leaves it to the service provider
        for (kind, document) in [(&*USER, ada()), (&*DEVICE, device)] {
            for rules in [AUTO, STRICT] {
                let Ok(out) = apply(kind, &document, operations.clone(), rules, &PATCH) else { continue };
                let again = admit(kind, out.document.clone(), STRICT).unwrap();
                prop_assert_eq!(&again.document, &out.document);
                for list in out.document.values().filter_map(Value::as_array) {
                    prop_assert!(list.iter().filter(|element| is_primary(element)).count() <= 1);
                }
            }
        }
    }
}
