//! Many evaluations in one message (§7).

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::request::{Member, Members};
use super::{Asked, Evaluation, Limits, Request};
use crate::error::{Error, quoted};

/// An evaluations request. One without `evaluations` is a single question, and answered like one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evaluations<'r> {
    /// A single question.
    One(Evaluation<'r>),
    /// Many of them. What is wrong with one of them is the answer to that one.
    Many {
        /// The questions, in order.
        items: Vec<Result<Evaluation<'r>, Error>>,
        /// Which of them are answered.
        semantic: Semantic,
    },
}

/// Which evaluations are answered (§7.1.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Semantic {
    /// All.
    #[default]
    ExecuteAll,
    /// Those up to the first denial.
    DenyOnFirstDeny,
    /// Those up to the first permit.
    PermitOnFirstPermit,
}

/// The answer to a request, as it goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Answers {
    /// To a single question (§6.2).
    One(Answer),
    /// To many (§7.2).
    Many {
        /// To each of those that were answered, in order.
        evaluations: Vec<Answer>,
    },
}

/// An answer to one evaluation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Whether it is allowed.
    pub decision: bool,
    /// What is said beside it; empty most often.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub context: Map<String, Value>,
}

/// Reads an access evaluations request (§7.1).
///
/// # Errors
/// When the message as a whole is wrong: a member that stands for all evaluations, the options, `evaluations` itself.
pub fn evaluations<'r>(request: &'r Request<'_>, limits: &Limits) -> Result<Evaluations<'r>, Error> {
    let members = request.members()?;
    let semantic = semantic(members)?;
    let all = Asked::of(members);
    let items = match members.evaluations.get("evaluations", "an array")? {
        None => return all.evaluation(limits).map(Evaluations::One),
        Some(items) if items.is_empty() => return all.evaluation(limits).map(Evaluations::One),
        Some(items) if items.len() > limits.evaluations => {
            return Err(Error::at("evaluations", format!("must not be more than {}", limits.evaluations)));
        }
        Some(items) => items,
    };
    for said in [all.subject, all.action, all.resource] {
        said.entity.object(said.name)?;
    }
    members.context.object("context")?;
    let items = items.iter().zip(0..).map(|(item, index)| {
        let read = match item {
            Member::Is(item) => all.by(item).evaluation(limits),
            Member::Not(kind) => Err(Error::new(format!("must be an object, not {kind}"))),
            Member::Missing => Err(Error::new("is missing")),
        };
        read.map_err(|error| error.within(&format!("evaluations[{index}]")))
    });
    Ok(Evaluations::Many { items: items.collect(), semantic })
}

fn semantic(members: &Members<'_>) -> Result<Semantic, Error> {
    let Some(options) = members.options.object("options")? else { return Ok(Semantic::default()) };
    let named = options.evaluations_semantic.get("evaluations_semantic", "a string");
    let refused = |error: Error| Err(error.within("options"));
    match named {
        Ok(None) => Ok(Semantic::default()),
        Ok(Some(name)) => match &**name {
            "execute_all" => Ok(Semantic::ExecuteAll),
            "deny_on_first_deny" => Ok(Semantic::DenyOnFirstDeny),
            "permit_on_first_permit" => Ok(Semantic::PermitOnFirstPermit),
            other => refused(Error::at(
                "evaluations_semantic",
                format!(
                    "{} is none of `execute_all`, `deny_on_first_deny`, `permit_on_first_permit`",
                    quoted(other)
                ),
            )),
        },
        Err(error) => refused(error),
    }
}

impl Semantic {
    /// Whether nothing is answered after this decision.
    fn ends(self, decision: bool) -> bool {
        match self {
            Self::ExecuteAll => false,
            Self::DenyOnFirstDeny => !decision,
            Self::PermitOnFirstPermit => decision,
        }
    }
}

impl<'r> Evaluations<'r> {
    /// Decides as many questions as the semantic asks for, in order. Of those that are wrong nobody is asked.
    pub fn decide<'s>(&'s self, mut decide: impl FnMut(&'s Evaluation<'r>) -> bool) {
        match self {
            Self::One(evaluation) => {
                decide(evaluation);
            }
            Self::Many { items, semantic } => {
                let mut decisions = items.iter().map(|item| item.as_ref().is_ok_and(&mut decide));
                decisions.find(|decision| semantic.ends(*decision));
            }
        }
    }

    /// Answers as many questions as the semantic asks for, in order.
    pub fn answer(&self, mut answer: impl FnMut(&Evaluation<'r>) -> Answer) -> Answers {
        let (items, semantic) = match self {
            Self::One(evaluation) => return Answers::One(answer(evaluation)),
            Self::Many { items, semantic } => (items, semantic),
        };
        let mut evaluations = Vec::with_capacity(items.len());
        for item in items {
            let mut answer = item.as_ref().map_or_else(Answer::refused, &mut answer);
            let last = semantic.ends(answer.decision);
            if last && !answer.decision {
                // Why the list ends here, unless there is something better to say.
                answer.context.entry("reason").or_insert_with(|| "deny_on_first_deny".into());
            }
            evaluations.push(answer);
            if last {
                break;
            }
        }
        Answers::Many { evaluations }
    }
}

impl Answer {
    /// An answer without a word.
    pub fn bare(decision: bool) -> Self {
        Self { decision, context: Map::new() }
    }

    /// The answer to an evaluation that cannot be read, or not be answered: denied, with the error (§7.2.1).
    pub fn refused(error: &Error) -> Self {
        let mut answer = Self::bare(false);
        answer.context.insert("error".to_owned(), json!({ "status": 400, "message": error.to_string() }));
        answer
    }
}
