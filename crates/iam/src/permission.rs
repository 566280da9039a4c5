//! What a subject may do, listed: every grant that counts, and the nearest way to it. It is read off the graph that decides.

use authz::graph::Subject;
use authz::{Permissions, Standing};

use crate::access::{Decisions, Permit, Read};
use crate::cx::Cx;
use crate::error::Result;
use crate::kind::Kind;
use crate::page::{Part, size};
use crate::{Iam, limits};

impl Iam {
    /// The permissions of a subject, by action and scope. Whoever is not active has none.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] when there is no such subject.
    pub async fn permissions(
        &self,
        cx: &Cx,
        permits: &Permit<Read, Vec<&Kind>>,
        _: Permit<Read, Decisions>,
        subject: &str,
        part: Part,
    ) -> Result<Permissions> {
        let found = self.subject(cx, permits, subject).await?;
        let mut permissions = self
            .search_graph(cx.tenant, move |graph| {
                let subject = Subject { kind: found.kind, id: &found.id };
                let standing = Standing::of(graph, subject, &limits::DECISION);
                authz::permissions(&standing, size(part.skip), size(part.take), limits::PERMISSIONS_MAX)
            })
            .await?;
        let nodes = permissions.part.iter_mut().flat_map(|permission| permission.path.nodes_mut());
        self.show_names(cx, nodes).await?;
        Ok(permissions)
    }
}
