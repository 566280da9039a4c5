//! Tokens: found by the hash of what the caller holds, in one statement, at every request.
//!
//! What the caller holds never comes here. A token's end is not judged here either: there is no clock.

use crate::about::{About, Several};
use crate::columns::{Columns, ENOUGH, MORE, Param, bounded, counted};
use crate::tenant::{Tenant, TenantId};
use crate::{StoreError, TenantStore, statements};

macro_rules! columns {
    () => {
        "k.id, k.connection, k.kind, k.mode, k.name, k.provider, k.settings, k.subject, k.created, k.created_by, \
         k.expires, k.last_used"
    };
}

statements! {
    AUTHENTICATE = concat!("select ", columns!(), ", t.tenant, t.name, t.created, t.kinds \
        from token k cross join tenant t where k.tenant = $1 and k.hash = $2 and t.tenant = k.tenant");
    AUTHENTICATE_SEVERAL = concat!("select ", columns!(), ", t.tenant, t.name, t.created, t.kinds, k.hash \
        from token k cross join tenant t where k.tenant = $1 and k.hash in \
        ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) and t.tenant = k.tenant");
    GET = concat!("select ", columns!(), " from token k where k.tenant = $1 and k.id = $2");
    LIST = concat!("select ", columns!(), " from token k where k.tenant = $1 and k.id > $2 \
        and ($3 = '' or k.kind = $3) and ($4 = '' or k.provider = $4) order by k.id limit $5 offset $6");
    COUNT = "select count(*) from token k where k.tenant = $1 and k.id > $2 \
             and ($3 = '' or k.kind = $3) and ($4 = '' or k.provider = $4)";
    ENDED = "select k.id from token k where k.tenant = $1 and k.expires < $2 order by k.id limit $3";
    INSERT = "insert into token (tenant, hash, id, connection, kind, mode, name, provider, settings, subject, \
              created, created_by, expires) \
              values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) on conflict do nothing";
    DELETE = "delete from token where tenant = $1 and id = $2";
    EXPIRES = "update token set expires = $1 where tenant = $2 and id = $3";
    SETTINGS = "update token set settings = $1 where tenant = $2 and id = $3";
    USED = "update token set last_used = $1 where tenant = $2 and id = $3 and coalesce(last_used, 0) < $1";
}

const BY_HASH: About = About {
    sql: AUTHENTICATE,
    key: 1,
    several: Some(Several { sql: AUTHENTICATE_SEVERAL, column: COLUMNS + 4, limit: None }),
};

/// A token to insert.
#[derive(Clone, Copy)]
pub struct NewToken<'a> {
    /// SHA-256 of what the caller will hold.
    pub hash: &'a [u8; 32],
    /// Its id.
    pub id: &'a str,
    /// Whose external ids it sees; a token that replaces another keeps the other's connection.
    pub connection: &'a str,
    /// What it is for.
    pub kind: &'a str,
    /// What it may do.
    pub mode: &'a str,
    /// What people call it.
    pub name: &'a str,
    /// The scheme of the provider it was made for.
    pub provider: Option<&'a str>,
    /// JSON object.
    pub settings: &'a str,
    /// The id of the record it stands for.
    pub subject: Option<&'a str>,
    /// When, in milliseconds since the Unix epoch.
    pub created: i64,
    /// Who made it.
    pub created_by: &'a str,
    /// Its end, in milliseconds since the Unix epoch.
    pub expires: Option<i64>,
}

/// A token, without its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of `NewToken`")]
pub struct Token {
    pub id: String,
    pub connection: String,
    pub kind: String,
    pub mode: String,
    pub name: String,
    pub provider: Option<String>,
    pub settings: String,
    pub subject: Option<String>,
    pub created: i64,
    pub created_by: String,
    pub expires: Option<i64>,
    /// When it was used, in milliseconds since the Unix epoch; noted late and in bulk.
    pub last_used: Option<i64>,
}

/// How many columns a token is.
const COLUMNS: usize = 12;

impl Token {
    fn read(row: &dyn Columns) -> Result<Self, StoreError> {
        let owned = |column| row.text(column).map(str::to_owned);
        let maybe = |column| Ok(row.maybe_text(column)?.map(str::to_owned));
        Ok(Token {
            id: owned(0)?,
            connection: owned(1)?,
            kind: owned(2)?,
            mode: owned(3)?,
            name: owned(4)?,
            provider: maybe(5)?,
            settings: owned(6)?,
            subject: maybe(7)?,
            created: row.int(8)?,
            created_by: owned(9)?,
            expires: row.maybe_int(10)?,
            last_used: row.maybe_int(11)?,
        })
    }
}

/// Which tokens to list: by id, which is by age.
#[derive(Debug, Clone, Copy, Default)]
pub struct TokenQuery<'a> {
    /// Of this kind only.
    pub kind: Option<&'a str>,
    /// Of this provider only.
    pub provider: Option<&'a str>,
    /// Begin after this id.
    pub after: Option<&'a str>,
    /// Then leave out so many.
    pub skip: u64,
    /// Then take at most so many.
    pub take: u64,
}

impl<'a> TokenQuery<'a> {
    fn params(&self, tenant: Param<'a>) -> [Param<'a>; 4] {
        let text = |value: Option<&'a str>| Param::Text(value.unwrap_or_default());
        [tenant, text(self.after), text(self.kind), text(self.provider)]
    }
}

impl TenantStore<'_> {
    /// A token by its id.
    pub async fn token(&self, id: &str) -> Result<Option<Token>, StoreError> {
        let mut token = None;
        self.read(GET, &[self.param(), Param::Text(id)], |row| {
            token = Some(Token::read(row)?);
            ENOUGH
        })
        .await?;
        Ok(token)
    }

    /// The tokens of a query.
    pub async fn tokens(&self, query: &TokenQuery<'_>) -> Result<Vec<Token>, StoreError> {
        let [tenant, after, kind, provider] = query.params(self.param());
        let page = [Param::Int(bounded(query.take)), Param::Int(bounded(query.skip))];
        let mut tokens = Vec::new();
        self.read(LIST, &[tenant, after, kind, provider, page[0], page[1]], |row| {
            tokens.push(Token::read(row)?);
            MORE
        })
        .await?;
        Ok(tokens)
    }

    /// How many tokens a query meets, whatever it skips and takes.
    pub async fn token_count(&self, query: &TokenQuery<'_>) -> Result<u64, StoreError> {
        let mut count = 0;
        self.read(COUNT, &query.params(self.param()), |row| {
            count = counted(row.int(0)?);
            ENOUGH
        })
        .await?;
        Ok(count)
    }

    /// The ids of at most `take` tokens that ended before an instant, in milliseconds since the Unix epoch.
    pub async fn tokens_ended(&self, before: i64, take: u64) -> Result<Vec<String>, StoreError> {
        let mut ids = Vec::new();
        self.read(ENDED, &[self.param(), Param::Int(before), Param::Int(bounded(take))], |row| {
            ids.push(row.text(0)?.to_owned());
            MORE
        })
        .await?;
        Ok(ids)
    }

    /// The token with this hash and its tenant.
    pub(crate) async fn authenticate(&self, hash: &[u8; 32]) -> Result<Option<(Token, Tenant)>, StoreError> {
        let mut found = None;
        self.refresh();
        self.read_about(&[(BY_HASH, vec![self.param(), Param::Bytes(hash)])], |_, row| {
            found = Some((Token::read(row)?, Tenant::read(row, COLUMNS)?));
            ENOUGH
        })
        .await?;
        Ok(found)
    }
}

impl crate::Store {
    /// The token with this hash and its tenant, by one statement over two primary keys. None when the tenant is gone.
    pub async fn authenticate(
        &self,
        tenant: TenantId,
        hash: &[u8; 32],
    ) -> Result<Option<(Token, Tenant)>, StoreError> {
        self.tenant(tenant).authenticate(hash).await
    }
}
