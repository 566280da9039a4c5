//! Settings: a few named values of a tenant. What they mean is not known here.

use crate::columns::{ENOUGH, MORE, Param};
use crate::{StoreError, TenantStore, statements};

statements! {
    GET = "select value from setting where tenant = $1 and name = $2";
    LIST = "select name, value from setting where tenant = $1 order by name";
    SET = "insert into setting (tenant, name, value) values ($1, $2, $3) \
           on conflict (tenant, name) do update set value = excluded.value";
    ADD = "insert into setting (tenant, name, value) values ($1, $2, $3) on conflict do nothing";
    CHANGE = "update setting set value = $1 where tenant = $2 and name = $3 and value = $4";
    UNSET = "delete from setting where tenant = $1 and name = $2";
}

impl TenantStore<'_> {
    /// One setting, or none.
    pub async fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        let mut value = None;
        self.read(GET, &[self.param(), Param::Text(name)], |row| {
            value = Some(row.text(0)?.to_owned());
            ENOUGH
        })
        .await?;
        Ok(value)
    }

    /// All settings, by name.
    pub async fn settings(&self) -> Result<Vec<(String, String)>, StoreError> {
        let mut all = Vec::new();
        self.read(LIST, &[self.param()], |row| {
            all.push((row.text(0)?.to_owned(), row.text(1)?.to_owned()));
            MORE
        })
        .await?;
        Ok(all)
    }
}
