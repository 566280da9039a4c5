//! How people call what stands in an access graph, for whoever reads an answer. No decision depends on it.

use std::collections::HashMap;

use authz::explain::Step;
use authz::graph::Kind;
use store::RecordRef;

use super::fact::Source;
use crate::Iam;
use crate::cx::Cx;
use crate::error::Result;

impl Iam {
    /// Says of each node how people call it, if they call it anything. A name is looked up once, however often it is shown.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub(crate) async fn show_names<'n>(
        &self,
        cx: &Cx,
        nodes: impl Iterator<Item = &'n mut Step>,
    ) -> Result<()> {
        let mut names: HashMap<(Kind, String), Option<String>> = HashMap::new();
        for node in nodes {
            let key = (node.kind, node.id.clone());
            node.display = match names.get(&key) {
                Some(name) => name.clone(),
                None => {
                    // Its future is large, and most answers name nobody.
                    let name = Box::pin(self.name_of(cx, node.kind, &node.id)).await?;
                    names.entry(key).or_insert(name).clone()
                }
            };
        }
        Ok(())
    }

    async fn name_of(&self, cx: &Cx, kind: Kind, id: &str) -> Result<Option<String>> {
        let Some(source) = Source::naming(kind) else { return Ok(None) };
        let shown = |record: RecordRef<'_>| record.display.to_owned();
        let shown = self.of(cx).with_record(source.kind(), id, shown).await?;
        Ok(shown.filter(|shown| !shown.is_empty()))
    }
}
