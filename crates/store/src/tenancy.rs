//! Every statement names its tenant: each table it touches is held to one placeholder, by `tenant = $n` or by an
//! equality that leads there. So a database can be sharded by tenant, and a statement cannot reach past one.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, ConflictTarget, Cte, Delete, Expr, FromTable, Ident, Insert, JoinConstraint,
    JoinOperator, ObjectName, OnConflict, OnConflictAction, OnInsert, Query, Select, SelectItem, SetExpr,
    Statement, TableFactor, TableObject, TableWithJoins, Update, Value, Visit, Visitor,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use crate::plans::{all, copying, named};
use crate::postgres;

/// What is about the installation itself, and why.
const INSTALLATION: [(&str, &str); 11] = [
    ("audit::TENANTS", "which tenants have an audit chain"),
    ("audit::HEADS", "which tenants have an audit chain"),
    ("audit::NEXT", "which tenants have an audit chain"),
    ("migrate::LIST", "the schema is everybody's"),
    ("migrate::NOTE", "the schema is everybody's"),
    ("outbox::WAITING", "which tenants have events to deliver"),
    ("tenant::BY_NAME", "a tenant is found by its name"),
    ("tenant::LIST", "which tenants there are"),
    ("tenant::CREATE", "a tenant's number is given here, from the installation's own counter"),
    ("copy::TENANT", "a copy goes from tenant to tenant"),
    ("copy::HEAD", "a copy goes from tenant to tenant, those that are being deleted too"),
];

#[test]
fn every_statement_names_its_tenant() {
    let mut others = Vec::new();
    for (name, sql) in all().into_iter().chain(named("postgres", postgres::STATEMENTS)).chain(copying()) {
        if let Err(why) = names_its_tenant(sql) {
            assert!(INSTALLATION.iter().any(|(known, _)| *known == name), "{name}: {why}\n{sql}");
            others.push(name);
        }
    }
    assert_eq!(others, INSTALLATION.map(|(name, _)| name), "what is excused needs it");
}

#[test]
fn a_statement_that_reaches_past_its_tenant_is_found() {
    for sql in [
        "select id from record where kind = $1",
        "select id from record where tenant = $1 or kind = $2",
        "select id from record where tenant > $1",
        "select id from record where tenant = tenant",
        "select r.id from record r, edge e where r.tenant = $1 and e.source = r.id",
        "select r.id from record r, edge e where r.tenant = $1 and e.tenant = $2",
        "select r.id from record r join edge e on e.source = r.id where r.tenant = $1",
        "select r.id from record r left join edge e on e.source = r.id where r.tenant = $1",
        "select r.id from record r left join edge e on e.tenant = $1 and r.tenant = e.tenant",
        "select r.id from record r left join edge e on e.tenant = $2 where r.tenant = $1",
        "select id from record where tenant = $1 and id in (select source from edge where target = $2)",
        "select (select count(*) from edge) from record where tenant = $1",
        "select id from record where tenant = $1 union select id from record where kind = $2",
        "with all_of_them as (select id from record) select id from record where tenant = $1",
        "update record set version = 1 where kind = $1",
        "update record set version = 1 from edge e where record.tenant = $1 and e.source = record.id",
        "delete from record where id = $1",
        "delete from record using edge where record.tenant = $1",
        "insert into setting (name, value) values ($1, $2)",
        "insert into setting (tenant, name, value) values (7, $1, $2)",
        "insert into setting (tenant, name, value) values ($1, $2, $3) on conflict (name) do update set value = $3",
        "insert into setting (tenant, name, value) select tenant, $1, $2 from record where id = $3",
        "truncate record",
    ] {
        assert!(names_its_tenant(sql).is_err(), "{sql}");
    }
}

fn names_its_tenant(sql: &str) -> Result<(), String> {
    let statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).map_err(|error| error.to_string())?;
    for statement in statements {
        let mut reading = Reading::default();
        if let ControlFlow::Break(why) = statement.visit(&mut reading) {
            return Err(why);
        }
        let queries = reading.queries;
        reading.tables.retain(|table| !queries.contains(table));
        if reading.tables.len() != reading.held {
            return Err(format!("of {:?} only {} name it", reading.tables, reading.held));
        }
        if reading.held == 0 {
            return Err("it is about no table".to_owned());
        }
    }
    Ok(())
}

type Found = ControlFlow<String>;

/// A table by the name it goes by, and the placeholder its tenant is held to.
type Held = BTreeMap<String, String>;

/// What has been read of a statement.
#[derive(Default)]
struct Reading {
    /// Every table, wherever it stands.
    tables: Vec<String>,
    /// How many of them were found to be held to the tenant.
    held: usize,
    /// The queries that have a name, as tables have.
    queries: Vec<String>,
    /// The tables in view, those of the query around last.
    scopes: Vec<Held>,
    tenant: Option<String>,
}

impl Visitor for Reading {
    type Break = String;

    fn pre_visit_query(&mut self, query: &Query) -> Found {
        let names = query.with.iter().flat_map(|with| &with.cte_tables);
        self.queries.extend(names.map(|Cte { alias, .. }| alias.name.value.clone()));
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> Found {
        self.tables.push(relation.to_string());
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> Found {
        self.hold(&select.from, select.selection.as_ref())
    }

    fn post_visit_select(&mut self, _: &Select) -> Found {
        self.scopes.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_statement(&mut self, statement: &Statement) -> Found {
        match statement {
            Statement::Query(_) => ControlFlow::Continue(()),
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(Update { table, selection, .. }) => {
                self.hold(std::slice::from_ref(table), selection.as_ref())
            }
            Statement::Delete(Delete { from: FromTable::WithFromKeyword(from), selection, .. }) => {
                self.hold(from, selection.as_ref())
            }
            _ => ControlFlow::Break("what it does is not known here".to_owned()),
        }
    }
}

impl Reading {
    /// Holds the tables of a `from` to the tenant by the conditions of the `where`, and one that is joined from the left by
    /// those of its own.
    fn hold(&mut self, from: &[TableWithJoins], selection: Option<&Expr>) -> Found {
        let (mut names, mut joined) = (Vec::new(), Vec::new());
        for (table, join) in from.iter().flat_map(|from| {
            let joins = from.joins.iter().map(|join| (&join.relation, Some(&join.join_operator)));
            std::iter::once((&from.relation, None)).chain(joins)
        }) {
            match table {
                TableFactor::Table { name, .. } if self.queries.contains(&name.to_string()) => {}
                TableFactor::Table { name, alias, .. } => {
                    let name = alias.as_ref().map_or(name.to_string(), |alias| alias.name.value.clone());
                    if let Some(JoinOperator::Left(JoinConstraint::On(on))) = join {
                        joined.push((name.clone(), on));
                    }
                    names.push(name);
                }
                // Its query is visited.
                TableFactor::Derived { .. } => {}
                _ => return ControlFlow::Break("a table of an unknown sort".to_owned()),
            }
        }
        self.scopes.push(Held::new());
        let mut equal = Vec::new();
        all_of(selection, &mut equal);
        // Those of a left join hold the joined table alone.
        let mut conditions: Vec<_> = equal.drain(..).map(|sides| (None, sides)).collect();
        for (name, on) in &joined {
            all_of(Some(on), &mut equal);
            conditions.extend(equal.drain(..).map(|sides| (Some(name), sides)));
        }
        let mut before = usize::MAX;
        while std::mem::replace(&mut before, self.scope().len()) != self.scope().len() {
            for (only, (one, other)) in &conditions {
                for (name, value) in [(one, other), (other, one)] {
                    let name = column(name).map(|table| table.or(names.first().cloned()).unwrap_or_default());
                    let name =
                        name.filter(|name| names.contains(name) && only.is_none_or(|only| only == name));
                    if let (Some(name), Some(value)) = (name, self.value(value)) {
                        self.scope().insert(name, value);
                    }
                }
            }
        }
        for name in names {
            match self.scope().get(&name).cloned() {
                Some(value) => self.held_to(value)?,
                None => return ControlFlow::Break(format!("`{name}` is of any tenant")),
            }
        }
        ControlFlow::Continue(())
    }

    fn insert(&mut self, insert: &Insert) -> Found {
        let wrong = |why: &str| ControlFlow::Break(why.to_owned());
        let (TableObject::TableName(_), Some(source)) = (&insert.table, &insert.source) else {
            return wrong("what it inserts is not known");
        };
        if insert.columns.first().is_none_or(|first| first.to_string() != "tenant") {
            return wrong("its first column is not the tenant");
        }
        if let Some(OnInsert::OnConflict(OnConflict {
            conflict_target,
            action: OnConflictAction::DoUpdate(_),
        })) = &insert.on
        {
            match conflict_target {
                Some(ConflictTarget::Columns(columns)) if is_tenant(columns.first()) => {}
                _ => return wrong("it updates a row of any tenant"),
            }
        }
        match &*source.body {
            SetExpr::Values(values) => {
                for row in &values.rows {
                    let Some(value) = row.content.first().and_then(placeholder) else {
                        return wrong("the tenant it inserts is no placeholder");
                    };
                    self.held_to(value)?;
                }
                ControlFlow::Continue(())
            }
            // The tables it selects from are held themselves.
            SetExpr::Select(select) => match select.projection.first() {
                Some(SelectItem::UnnamedExpr(first)) if column(first).is_some() => {
                    self.held += 1;
                    ControlFlow::Continue(())
                }
                _ => wrong("the tenant it inserts is not that of what it selects"),
            },
            _ => wrong("what it inserts is not known"),
        }
    }

    fn held_to(&mut self, value: String) -> Found {
        if self.tenant.get_or_insert_with(|| value.clone()) != &value {
            return ControlFlow::Break("it names two tenants".to_owned());
        }
        self.held += 1;
        ControlFlow::Continue(())
    }

    fn scope(&mut self) -> &mut Held {
        self.scopes.last_mut().unwrap()
    }

    /// The placeholder that an expression is, or that the tenant of a table in view is held to.
    fn value(&self, expression: &Expr) -> Option<String> {
        placeholder(expression).or_else(|| {
            let name = column(expression)??;
            self.scopes.iter().rev().find_map(|scope| scope.get(&name)).cloned()
        })
    }
}

/// The equalities that all hold.
fn all_of<'e>(condition: Option<&'e Expr>, all: &mut Vec<(&'e Expr, &'e Expr)>) {
    match condition {
        Some(Expr::BinaryOp { left, op: BinaryOperator::And, right }) => {
            all_of(Some(left), all);
            all_of(Some(right), all);
        }
        Some(Expr::BinaryOp { left, op: BinaryOperator::Eq, right }) => all.push((left, right)),
        Some(Expr::Nested(inner)) => all_of(Some(inner), all),
        _ => {}
    }
}

/// If it is the column `tenant`: of which table, if that is said.
fn column(expression: &Expr) -> Option<Option<String>> {
    match expression {
        Expr::Identifier(name) if is_tenant(Some(name)) => Some(None),
        Expr::CompoundIdentifier(path) if is_tenant(path.last()) => {
            Some(path.first().map(|table| table.value.clone()))
        }
        _ => None,
    }
}

fn is_tenant(name: Option<&Ident>) -> bool {
    name.is_some_and(|name| name.value == "tenant")
}

fn placeholder(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::Placeholder(name) => Some(name.clone()),
            _ => None,
        },
        _ => None,
    }
}
