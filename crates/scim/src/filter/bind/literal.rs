//! Literals, in the form in which they are compared with the values of an attribute.

use serde_json::{Number, Value};

use super::{Binder, Failure, named};
use crate::error::quoted;
use crate::filter::{Literal, Numeral, Op, Probe};
use crate::path::AttrPath;
use crate::quirks::Dialect;
use crate::schema::{Attribute, Type};
use crate::value;

/// What stands for a value of that JSON type where no schema says what it is.
pub(super) static TEXT: Attribute = Attribute::untold(Type::String);
static NUMBER: Attribute = Attribute::untold(Type::Decimal);
static TRUTH: Attribute = Attribute::untold(Type::Boolean);

/// An attribute of the literal's own type.
pub(super) fn untold(literal: &Literal) -> &'static Attribute {
    match literal {
        Literal::Boolean(_) => &TRUTH,
        Literal::Number(_) => &NUMBER,
        Literal::Text(_) | Literal::Null => &TEXT,
    }
}

impl Binder<'_> {
    pub(super) fn probe(
        &self,
        attribute: &Attribute,
        path: &AttrPath,
        op: Op,
        literal: &Literal,
    ) -> Result<Probe, Failure> {
        let no_operator = || {
            Failure::new(format!(
                "`{}` does not apply to {}, {}",
                op.as_str(),
                named(path),
                noun(attribute.kind)
            ))
        };
        let wrong_type = || {
            let literal = quoted(&literal.to_string());
            Failure::new(format!("{} is {}; {literal} is not", named(path), noun(attribute.kind)))
        };
        match (op, attribute.kind) {
            (Op::Co | Op::Sw | Op::Ew, Type::String | Type::Reference) => {
                let text = self.text(literal).ok_or_else(wrong_type)?;
                Ok(Probe::Text(value::fold(attribute, &text).into_owned()))
            }
            (Op::Co | Op::Sw | Op::Ew, _) => Err(no_operator()),
            // RFC 7644 §3.4.2.2: a boolean or binary attribute compared by order is invalidFilter.
            (Op::Gt | Op::Ge | Op::Lt | Op::Le, Type::Boolean | Type::Binary | Type::Complex) => {
                Err(no_operator())
            }
            (_, Type::Integer | Type::Decimal) => {
                // A fraction has its place in the order of integers too.
                let key = self.number(literal).and_then(|number| value::number_key(&number));
                key.map(|key| Probe::Key(Vec::from(key))).ok_or_else(wrong_type)
            }
            (_, kind) => {
                let value = match kind {
                    Type::Boolean => self.boolean(literal).map(Value::Bool),
                    Type::DateTime => literal_text(literal).map(Value::String),
                    _ => self.text(literal).map(Value::String),
                };
                value.and_then(|value| value::key(attribute, &value)).map(Probe::Key).ok_or_else(wrong_type)
            }
        }
    }

    /// A string; without quotes `eq 007` or `eq true` may have meant one.
    fn text(&self, literal: &Literal) -> Option<String> {
        match (literal, self.dialect) {
            (Literal::Number(numeral), Dialect::Auto) => Some(numeral.as_str().to_owned()),
            (Literal::Boolean(truth), Dialect::Auto) => Some(truth.to_string()),
            _ => literal_text(literal),
        }
    }

    /// A boolean; Entra ID writes `"True"`.
    fn boolean(&self, literal: &Literal) -> Option<bool> {
        match (literal, self.dialect) {
            (Literal::Boolean(truth), _) => Some(*truth),
            (Literal::Text(text), Dialect::Auto) if text.eq_ignore_ascii_case("true") => Some(true),
            (Literal::Text(text), Dialect::Auto) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }

    fn number(&self, literal: &Literal) -> Option<Number> {
        match (literal, self.dialect) {
            (Literal::Number(numeral), _) => numeral.to_number(),
            (Literal::Text(text), Dialect::Auto) => Numeral::parse(text)?.to_number(),
            _ => None,
        }
    }
}

fn literal_text(literal: &Literal) -> Option<String> {
    match literal {
        Literal::Text(text) => Some(text.clone()),
        _ => None,
    }
}

fn noun(kind: Type) -> &'static str {
    match kind {
        Type::String => "a string",
        Type::Boolean => "a boolean",
        Type::Decimal => "a number",
        Type::Integer => "an integer",
        Type::DateTime => "a dateTime",
        Type::Binary => "binary",
        Type::Reference => "a reference",
        Type::Complex => "complex",
    }
}
