//! Schemas and resource types that a tenant defines at run time (RFC 7643 §6, §7).
//!
//! A definition is checked, kept as a record, and makes the tenant's kinds a new version: every node sees it with the
//! next request. Whatever data exists keeps its schema; a definition that is in use cannot be removed.

use std::ops::ControlFlow;
use std::sync::Arc;

use scim::schema::{Extension, ResourceType, Schema, is_name, is_urn};
use serde::{Deserialize, Serialize};
use store::{Access, Batch, CommitError, Entry, NewRecord, Query, TenantId};

use crate::access::{Permit, Read, Schemas, Write, is_taken};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kind::{Kind, Kinds};
use crate::resource::{extension_count, refused};
use crate::{Iam, limits};

const SCHEMA: &str = "Schema";
const RESOURCE_TYPE: &str = "ResourceType";
const DISCOVERY: [&str; 6] = ["Bulk", "Me", "ResourceTypes", "Schemas", "ServiceProviderConfig", ".search"];

/// A schema, and what it extends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SchemaDefinition {
    /// The schema as `/Schemas` shows it.
    #[serde(flatten)]
    pub schema: Schema,
    /// The resource types it extends, by name; none for the core schema of a type to come.
    #[serde(default)]
    pub extends: Vec<String>,
    /// Whether every resource must have the extension. Refused where resources exist that could not.
    #[serde(default)]
    pub required: bool,
    /// Names of attributes that an index finds.
    #[serde(default)]
    pub indexed: Vec<String>,
}

/// A resource type, and which of its attributes are indexed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TypeDefinition {
    /// Its name, such as `Device`.
    pub name: String,
    /// Its endpoint, such as `/Devices`.
    pub endpoint: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// The URN of its core schema, which a tenant's schema defines.
    pub schema: String,
    /// Its extensions.
    #[serde(default)]
    pub schema_extensions: Vec<TypeExtension>,
    /// Names of attributes that an index finds.
    #[serde(default)]
    pub indexed: Vec<String>,
}

/// An extension of a resource type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TypeExtension {
    /// The URN.
    pub schema: String,
    /// Whether every resource must have it.
    #[serde(default)]
    pub required: bool,
}

/// Everything a tenant defined.
#[derive(Clone, Debug, Default)]
struct Definitions {
    schemas: Vec<SchemaDefinition>,
    types: Vec<TypeDefinition>,
}

impl Definitions {
    /// The tenant's kinds: the standard ones, extended, and its own.
    fn kinds(&self, version: i64) -> Result<Kinds> {
        let mut kinds: Vec<Arc<Kind>> = Kinds::standard()?.iter().cloned().collect();
        for definition in &self.types {
            let kind = Kind::custom(self.resource_type(definition)?, &definition.indexed)?;
            kinds.push(Arc::new(kind));
        }
        for definition in &self.schemas {
            for name in &definition.extends {
                let slot = kinds.iter_mut().find(|kind| kind.name() == name);
                let slot = slot.ok_or_else(|| {
                    Error::invalid(format!(
                        "`extends`: there is no resource type {}",
                        scim::error::quoted(name)
                    ))
                })?;
                let schema = Arc::new(definition.schema.clone());
                let indexed: Vec<String> =
                    definition.indexed.iter().map(|name| format!("{}:{name}", schema.id)).collect();
                let extension = Extension { schema, required: definition.required };
                *slot = Arc::new(Kind::clone(slot).extended(extension, &indexed)?);
            }
        }
        Ok(Kinds::of(kinds, version))
    }

    fn resource_type(&self, definition: &TypeDefinition) -> Result<ResourceType> {
        let schema = |urn: &str| {
            let known = self.schemas.iter().find(|known| known.schema.id == urn);
            let known = known.ok_or_else(|| {
                Error::invalid(format!(
                    "`schema`: there is no schema {} of this tenant",
                    scim::error::quoted(urn)
                ))
            })?;
            Ok::<_, Error>(Arc::new(known.schema.clone()))
        };
        let mut resource_type = ResourceType {
            name: definition.name.clone(),
            endpoint: definition.endpoint.trim_start_matches('/').to_owned(),
            description: definition.description.clone(),
            schema: schema(&definition.schema)?,
            extensions: Vec::new(),
        };
        for extension in &definition.schema_extensions {
            let known = schema(&extension.schema)?;
            resource_type.check_extension(&known)?;
            resource_type.extensions.push(Extension { schema: known, required: extension.required });
        }
        Ok(resource_type)
    }
}

impl Iam {
    /// The kinds that a tenant has, by the version of its definitions.
    pub(crate) async fn kinds(&self, tenant: TenantId, version: i64) -> Result<Arc<Kinds>> {
        if version == 0 {
            return Kinds::standard();
        }
        if let Some((known, kinds)) = self.kinds.lock().map_err(Error::internal)?.get(&tenant)
            && *known == version
        {
            return Ok(Arc::clone(kinds));
        }
        let kinds = Arc::new(self.definitions(tenant).await?.kinds(version)?);
        self.kinds.lock().map_err(Error::internal)?.insert(tenant, (version, Arc::clone(&kinds)));
        Ok(kinds)
    }

    async fn definitions(&self, tenant: TenantId) -> Result<Definitions> {
        Ok(Definitions {
            schemas: self.defined(tenant, SCHEMA).await?,
            types: self.defined(tenant, RESOURCE_TYPE).await?,
        })
    }

    async fn defined<T: for<'d> Deserialize<'d>>(&self, tenant: TenantId, kind: &str) -> Result<Vec<T>> {
        let mut out = Vec::new();
        let all = Query {
            kind,
            access: Access::Id,
            descending: false,
            after: None,
            skip: 0,
            take: limits::SCHEMAS_MAX,
        };
        self.store
            .tenant(tenant)
            .search(&all, |_, record| {
                out.push(serde_json::from_str::<T>(record.document));
                ControlFlow::Continue(())
            })
            .await?;
        out.into_iter().collect::<std::result::Result<_, _>>().map_err(Error::internal)
    }

    /// Defines a schema.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the URN is taken; [`Error::Invalid`] naming what does not fit.
    pub async fn define_schema(
        &self,
        cx: &Cx,
        _: Permit<Write, Schemas>,
        definition: SchemaDefinition,
    ) -> Result<SchemaDefinition> {
        definition.schema.check(&limits::SCHEMA)?;
        let urn = &definition.schema.id;
        if urn.to_ascii_lowercase().starts_with("urn:ietf:") {
            return Err(Error::invalid(
                "`id`: URNs that begin with `urn:ietf:` are not a tenant's to define",
            ));
        }
        check_indexed(&definition.indexed)?;
        let mut after = self.definitions(cx.tenant).await?;
        let standard = cx.kinds.schemas();
        // One that no type uses yet is in no kind.
        let mut known = standard.iter().map(|s| &s.id).chain(after.schemas.iter().map(|d| &d.schema.id));
        if known.any(|known| known.eq_ignore_ascii_case(urn)) {
            return Err(Error::Conflict { attribute: format!("the schema {}", scim::error::quoted(urn)) });
        }
        if definition.required {
            for name in &definition.extends {
                if self.of(cx).total(name).await? > 0 {
                    return Err(Error::Blocked(format!(
                        "there are resources of type `{name}` without the extension"
                    )));
                }
            }
        }
        after.schemas.push(definition.clone());
        after.kinds(cx.kinds.version)?;
        self.keep(cx, SCHEMA, urn, &definition.schema.name, &definition).await?;
        Ok(definition)
    }

    /// Defines a resource type.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the name or the endpoint is taken; [`Error::Invalid`] naming what does not fit.
    pub async fn define_type(
        &self,
        cx: &Cx,
        _: Permit<Write, Schemas>,
        definition: TypeDefinition,
    ) -> Result<TypeDefinition> {
        let mut definition = definition;
        definition.endpoint = format!("/{}", definition.endpoint.trim_start_matches('/'));
        let endpoint = definition.endpoint.trim_start_matches('/').to_owned();
        for (field, text) in [("name", &definition.name), ("endpoint", &endpoint)] {
            if !is_name(text) || text.len() > limits::SCHEMA_NAME_BYTES_MAX {
                return Err(Error::invalid(format!(
                    "`{field}` begins with a letter and has letters, digits, `-` and `_`"
                )));
            }
        }
        let reserved = [SCHEMA, RESOURCE_TYPE, "IdentityProvider", "ServiceProviderConfig"];
        if DISCOVERY.iter().any(|known| known.eq_ignore_ascii_case(&endpoint))
            || is_taken(&endpoint)
            || reserved.iter().any(|known| known.eq_ignore_ascii_case(&definition.name))
        {
            return Err(Error::invalid("`name` or `endpoint` is reserved"));
        }
        let is_name = |kind: &Arc<Kind>| kind.name().eq_ignore_ascii_case(&definition.name);
        if cx.kinds.iter().any(is_name) {
            return Err(Error::Conflict { attribute: format!("the resource type `{}`", definition.name) });
        }
        let is_endpoint = |kind: &Arc<Kind>| kind.schema.endpoint.eq_ignore_ascii_case(&endpoint);
        if cx.kinds.iter().any(is_endpoint) {
            return Err(Error::Conflict { attribute: format!("the endpoint `/{endpoint}`") });
        }
        if !is_urn(&definition.schema) {
            return Err(Error::invalid("`schema` must be the URN of a schema of this tenant"));
        }
        check_indexed(&definition.indexed)?;
        let mut after = self.definitions(cx.tenant).await?;
        after.types.push(definition.clone());
        after.kinds(cx.kinds.version)?;
        self.keep(cx, RESOURCE_TYPE, &definition.name, &definition.name, &definition).await?;
        Ok(definition)
    }

    async fn keep(
        &self,
        cx: &Cx,
        kind: &str,
        id: &str,
        display: &str,
        definition: &impl Serialize,
    ) -> Result<()> {
        if self.of(cx).total(kind).await? >= limits::SCHEMAS_MAX {
            return Err(Error::Blocked(format!("the tenant has {} of these already", limits::SCHEMAS_MAX)));
        }
        let document = serde_json::to_string(definition).map_err(Error::internal)?;
        if document.len() > limits::DOCUMENT_BYTES_MAX {
            let most = limits::DOCUMENT_BYTES_MAX;
            return Err(Error::TooLarge(format!("a definition is at most {most} bytes")));
        }
        let mut batch = Batch::default();
        batch
            .insert(&NewRecord {
                kind,
                id,
                created: cx.now,
                display,
                document: &document,
                connections: None,
                secret: None,
                mentioned: None,
            })
            .count(kind, 1, true)
            .bump_kinds(cx.kinds.version)
            .audit(&audited(cx, "create", kind, id));
        self.of(cx).commit(batch).await.map(|_| ()).map_err(changed)
    }

    /// The schemas that the tenant defined.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn defined_schemas(&self, cx: &Cx, _: Permit<Read, Schemas>) -> Result<Vec<SchemaDefinition>> {
        self.defined(cx.tenant, SCHEMA).await
    }

    /// The resource types that the tenant defined.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn defined_types(&self, cx: &Cx, _: Permit<Read, Schemas>) -> Result<Vec<TypeDefinition>> {
        self.defined(cx.tenant, RESOURCE_TYPE).await
    }

    /// Removes a schema that nothing uses.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Blocked`] naming what uses it.
    pub async fn remove_schema(&self, cx: &Cx, _: Permit<Write, Schemas>, urn: &str) -> Result<()> {
        let definitions = self.definitions(cx.tenant).await?;
        let found = definitions.schemas.iter().find(|known| known.schema.id.eq_ignore_ascii_case(urn));
        let found = found
            .ok_or_else(|| Error::NotFound(format!("there is no schema {}", scim::error::quoted(urn))))?;
        let id = &found.schema.id;
        for definition in &definitions.types {
            let extends = definition.schema_extensions.iter().any(|extension| extension.schema == *id);
            if definition.schema == *id || extends {
                return Err(Error::Blocked(format!(
                    "the resource type `{}` uses the schema",
                    definition.name
                )));
            }
        }
        let counted: Vec<String> = found.extends.iter().map(|name| extension_count(name, id)).collect();
        for (name, counted) in found.extends.iter().zip(&counted) {
            let count = self.of(cx).total(counted).await?;
            if count > 0 {
                return Err(Error::Blocked(format!(
                    "{count} resources of type `{name}` hold data of the schema"
                )));
            }
        }
        self.remove(cx, SCHEMA, id, &counted).await
    }

    /// Removes a resource type of which there are no resources.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Blocked`] saying how many resources there are.
    pub async fn remove_type(&self, cx: &Cx, _: Permit<Write, Schemas>, name: &str) -> Result<()> {
        let definitions = self.definitions(cx.tenant).await?;
        if !definitions.types.iter().any(|known| known.name == name) {
            return Err(Error::NotFound(format!("there is no resource type {}", scim::error::quoted(name))));
        }
        let count = self.of(cx).total(name).await?;
        if count > 0 {
            return Err(Error::Blocked(format!("there are {count} resources of type `{name}`")));
        }
        if let Some(schema) =
            definitions.schemas.iter().find(|schema| schema.extends.iter().any(|e| e == name))
        {
            return Err(Error::Blocked(format!(
                "the schema {} extends it",
                scim::error::quoted(&schema.schema.id)
            )));
        }
        self.remove(cx, RESOURCE_TYPE, name, &[name.to_owned()]).await
    }

    /// Removes a definition while there is nothing that is counted under these names.
    async fn remove(&self, cx: &Cx, kind: &str, id: &str, counted: &[String]) -> Result<()> {
        let mut batch = Batch::default();
        for counted in counted {
            batch.while_uncounted(kind, id, counted);
        }
        batch
            .delete(kind, id, None)
            .count(kind, -1, true)
            .bump_kinds(cx.kinds.version)
            .audit(&audited(cx, "delete", kind, id));
        self.of(cx).commit(batch).await.map(|_| ()).map_err(changed)
    }
}

/// A definition is checked against the others and what uses it, so neither may change before it is kept or removed.
fn changed(error: CommitError) -> Error {
    match error {
        CommitError::Missing | CommitError::Changed => Error::Blocked(
            "the tenant's definitions, or what uses them, changed meanwhile; try again".to_owned(),
        ),
        error => refused(error),
    }
}

fn check_indexed(names: &[String]) -> Result<()> {
    if names.len() > limits::SCHEMA_INDEXED_MAX {
        return Err(Error::invalid(format!(
            "`indexed` names at most {} attributes",
            limits::SCHEMA_INDEXED_MAX
        )));
    }
    Ok(())
}

fn audited<'a>(cx: &'a Cx, verb: &'a str, kind: &'a str, id: &'a str) -> Entry<'a> {
    Entry { at: cx.now, actor: &cx.caller.actor, verb, kind, id, before: None, after: None, trace: &cx.trace }
}
