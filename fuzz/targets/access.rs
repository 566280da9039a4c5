//! Any text as an AuthZEN message, an action and a scope: it is read or refused, never worse; what was read is written so that it
//! reads the same, and every evaluation of a message is answered.
#![no_main]

use authz::authzen::{self, Answer, Answers, Evaluations};
use authz::{Action, Scope, scope};
use libfuzzer_sys::fuzz_target;

const SCOPE: scope::Limits = scope::Limits { bytes: 2_048, segments: 32 };
const LIMITS: authzen::Limits =
    authzen::Limits { action_bytes: 256, id_bytes: 512, evaluations: 100, page: 100, token_bytes: 1_024 };

fuzz_target!(|text: &str| {
    if let Ok(action) = Action::parse(text, LIMITS.action_bytes) {
        assert!(action.covers(&action), "{text:?}");
    }
    if let Ok(read) = Scope::parse(text, &SCOPE) {
        assert_eq!(Scope::parse(read.as_str(), &SCOPE).as_ref(), Ok(&read), "{text:?}");
        assert!(read.ancestors().all(|outer| read.as_str().starts_with(outer)), "{text:?}");
        assert!(
            read.covers(&read) && !read.as_str().split('/').any(|segment| [".", ".."].contains(&segment)),
            "{text:?}"
        );
    }
    if let Some((kind, id)) = text.split_once(' ')
        && let Ok(made) = Scope::of(kind, id, &SCOPE)
        && let Ok(read) = Scope::parse(made.as_str(), &SCOPE)
    {
        assert_eq!(read, made, "{text:?}");
    }
    let Ok(request) = serde_json::from_str::<authzen::Request>(text) else { return };
    let _ = authzen::evaluation(&request, &LIMITS);
    let _ = authzen::subject_search(&request, &LIMITS);
    let _ = authzen::resource_search(&request, &LIMITS);
    let _ = authzen::action_search(&request, &LIMITS);
    if let Ok(read) = authzen::evaluations(&request, &LIMITS) {
        let (mut decided, mut answered) = (Vec::new(), Vec::new());
        read.decide(|evaluation| {
            decided.push(evaluation.clone());
            evaluation.explain
        });
        let answers = read.answer(|evaluation| {
            answered.push(evaluation.clone());
            Answer::bare(evaluation.explain)
        });
        assert_eq!(decided, answered, "{text:?}");
        match (&read, &answers) {
            (Evaluations::One(_), Answers::One(_)) => {}
            (Evaluations::Many { items, .. }, Answers::Many { evaluations }) => {
                assert!(evaluations.len() <= items.len(), "{text:?}");
            }
            _ => panic!("{text:?}"),
        }
    }
});
