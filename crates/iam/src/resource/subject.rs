//! An attribute that names whom a resource belongs to: in the document as decisions spell it (`user-…`), beside it an edge, so that
//! the subject is there. When the subject goes, the resource goes along.

use std::ops::ControlFlow;

use authz::graph::{Subject, SubjectKind};
use scim::Object;
use scim::error::quoted;
use serde_json::Value;

use super::Stored;
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kind::{Kind, Relation};
use crate::subject::kind_name;
use crate::{Iam, limits};

impl Relation {
    /// The text by which a document names its subject.
    fn written<'d>(&self, document: &'d Object) -> Option<&'d str> {
        document.get(&self.attribute).and_then(Value::as_str)
    }

    /// The id of the subject of a document that is kept.
    pub(super) fn subject<'d>(&self, document: &'d Object) -> Option<&'d str> {
        self.written(document).and_then(Subject::parse).map(|subject| subject.id)
    }
}

impl Iam {
    /// Puts the one spelling of the subject in place of what a client wrote. What was there before is not looked up again.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the attribute and who, by a prefixed id, is not there.
    pub(super) async fn resolve_subject(
        &self,
        cx: &Cx,
        relation: &Relation,
        before: Option<&Object>,
        document: &mut Object,
    ) -> Result<()> {
        let kept = before.and_then(|before| relation.written(before));
        let Some(written) = relation.written(document).filter(|written| Some(*written) != kept) else {
            return Ok(());
        };
        match self.subject_named(cx, relation, written).await? {
            Some(subject) => _ = document.insert(relation.attribute.clone(), subject.into()),
            // A text without a prefix that nobody is called by grants nothing. It is kept: the schema says that it is a string, and
            // clients that know no more than the schema write any.
            None if Subject::parse(written).is_none() => {}
            None => return Err(unknown(relation, written)),
        }
        Ok(())
    }

    /// Refuses a subject that is not there.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the attribute and who is not there.
    pub(crate) async fn check_subject(&self, cx: &Cx, relation: &Relation, written: &str) -> Result<()> {
        match self.subject_named(cx, relation, written).await? {
            Some(_) => Ok(()),
            None => Err(unknown(relation, written)),
        }
    }

    /// The one spelling of a subject that is there, by that, by its id, or by a name that is its own. What has a prefix is an
    /// id: nobody comes to be meant by taking another's id for a name.
    pub(crate) async fn subject_named(
        &self,
        cx: &Cx,
        relation: &Relation,
        written: &str,
    ) -> Result<Option<String>> {
        if let Some(subject) = Subject::parse(written) {
            let there = self.of(cx).with_record(kind_name(subject.kind), subject.id, |_| ()).await?;
            return Ok(there.map(|()| written.to_owned()));
        }
        let Some((kind, id)) = self.named(cx, relation, written).await? else { return Ok(None) };
        let kind = SubjectKind::ALL.into_iter().find(|sort| kind_name(*sort) == kind.name());
        Ok(kind.map(|kind| Subject { kind, id: &id }.to_string()))
    }

    /// The resources of a kind that belong to a subject.
    ///
    /// # Errors
    /// [`Error::Blocked`] when they are more than go at once.
    pub(super) async fn belongings(&self, cx: &Cx, kind: &Kind, id: &str) -> Result<Vec<Stored>> {
        let Some(relation) = &kind.subject else { return Ok(Vec::new()) };
        let (mut ids, most) = (Vec::new(), limits::BELONGINGS_MAX);
        let take = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        self.of(cx)
            .direct_sources(&relation.name, kind.name(), id, take, |id, _| {
                ids.push(id.to_owned());
                ControlFlow::Continue(())
            })
            .await?;
        if ids.len() > most {
            let endpoint = &kind.schema.endpoint;
            return Err(Error::Blocked(format!(
                "more than {most} of `/{endpoint}` belong to it, which is more than goes at once; delete some of them first"
            )));
        }
        let mut belongings = Vec::with_capacity(ids.len());
        for id in ids {
            // What went meanwhile belongs to nobody.
            if let Some(record) = self.of(cx).record(kind.name(), &id).await? {
                belongings.push(Stored::new(record)?);
            }
        }
        Ok(belongings)
    }
}

fn unknown(relation: &Relation, written: &str) -> Error {
    Error::invalid(format!("`{}`: there is no subject {}", relation.attribute, quoted(written)))
}
