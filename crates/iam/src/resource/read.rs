//! GET of one resource (RFC 7644 §3.4.1).

use scim::message::ListQuery;
use scim::project::Projection;
use store::RecordRef;

use super::expand::Known;
use super::render::{Rendered, View};
use super::{Condition, Etags, Seen, missing};
use crate::Iam;
use crate::access::{Permit, Read};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kind::Kind;

impl Iam {
    /// A resource as the caller sees it, unless the caller has this version already and all that it sees follows from that:
    /// what is shown of other resources (roles, groups, what references lead to) changes with them (RFC 9110 §8.8.1).
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Stale`] when the caller requires another version.
    pub async fn read(
        &self,
        cx: &Cx,
        permit: Permit<Read, &Kind>,
        id: &str,
        condition: &Condition,
        query: &ListQuery,
    ) -> Result<Seen> {
        let kind = permit.kind();
        let projection = self.projection(cx, kind, query)?;
        let rendered = self.shown(cx, kind, id, &projection).await?;
        if condition.if_match.as_ref().is_some_and(|tags| !tags.matches(rendered.version)) {
            return Err(Error::Stale);
        }
        let follows = View::new(cx, kind, &projection).follows_version(&rendered.body);
        let is_known = |tags: &Etags| if follows { tags.matches(rendered.version) } else { tags.is_any() };
        Ok(if condition.if_none_match.as_ref().is_some_and(is_known) {
            Seen::Unchanged(rendered.version)
        } else {
            Seen::Resource(rendered)
        })
    }

    /// A resource as it is now.
    pub(crate) async fn shown(
        &self,
        cx: &Cx,
        kind: &Kind,
        id: &str,
        projection: &Projection,
    ) -> Result<Rendered> {
        let view = View::new(cx, kind, projection);
        let shows_others = view.expands();
        let render = |record: RecordRef<'_>, beside: String| {
            let mentioned = if shows_others { None } else { view.mentioned_with(&record) };
            match mentioned {
                Some(mentioned) => Ok(view.rendered(&record, &beside, &Known::from(mentioned))),
                None => Err(Box::new((record.to_owned(), beside))),
            }
        };
        let read = self.with_beside(&view, id, render).await?;
        match read.ok_or_else(|| missing(kind, id))? {
            Ok(rendered) => rendered,
            Err(read) => {
                let (record, beside) = *read;
                let known = self.known(&view, &record.as_ref(), &beside).await?;
                view.rendered(&record.as_ref(), &beside, &known)
            }
        }
    }
}
