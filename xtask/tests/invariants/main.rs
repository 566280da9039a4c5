//! The ten invariants of ARCHITECTURE.md, as far as they can be read off the source: one test each, of the same name.
//!
//! A rule is broken by a line, and the message names it. The exceptions to a rule stand beside it.

#![cfg(test)]

mod source;

use source::{Source, manifests, sources};
use syn::visit::{self, Visit};
use xtask::generate;
use xtask::run::root;
use xtask::tidy::text::has_word;

/// Crates that are functions of their arguments.
const PURE: [&str; 4] = ["crates/scim/", "crates/oauth/", "crates/sso/", "crates/authz/"];

#[track_caller]
fn none(broken: Vec<String>) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

/// Every word of the sources for which `wrong` holds.
fn words(sources: &[Source], wrong: impl Fn(&source::Word) -> bool) -> Vec<String> {
    let found = sources.iter().flat_map(|source| source.words().into_iter().map(move |word| (source, word)));
    let found = found.filter(|(_, word)| wrong(word));
    found.map(|(source, word)| format!("{}:{}: `{}`", source.path, word.line, word.text)).collect()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Invariant 1: The pure crates do no I/O, read no clock, draw no randomness, know no runtime, no framework, no database.
#[test]
fn pure_crates_do_nothing_but_compute() {
    const WORLDLY: [&str; 14] = [
        "async-trait",
        "axum",
        "futures-util",
        "getrandom",
        "http",
        "hyper",
        "hyper-util",
        "mio",
        "rand",
        "reqwest",
        "rusqlite",
        "tokio",
        "tokio-postgres",
        "tracing-subscriber",
    ];
    const WORLD: [&str; 15] = [
        "std::env",
        "std::fs",
        "std::io::stdin",
        "std::io::stdout",
        "std::net::TcpListener",
        "std::net::TcpStream",
        "std::net::ToSocketAddrs",
        "std::net::UdpSocket",
        "std::process",
        "std::thread",
        "std::time::Instant",
        "std::time::SystemTime",
        "Timestamp::now",
        "Uuid::new_v4",
        "Uuid::now_v7",
    ];
    let mut broken = Vec::new();
    for (name, dependencies) in manifests() {
        if !PURE.contains(&format!("crates/{name}/").as_str()) {
            continue;
        }
        let worldly = dependencies.into_iter().filter(|dependency| WORLDLY.contains(&dependency.as_str()));
        broken.extend(worldly.map(|dependency| format!("crates/{name}/Cargo.toml: `{dependency}`")));
    }
    for source in sources(&PURE) {
        let paths = source.paths().into_iter();
        let worldly = paths.filter(|(_, path)| {
            WORLD.iter().any(|world| format!("{path}::").contains(&format!("{world}::")))
        });
        broken.extend(worldly.map(|(line, path)| format!("{}:{line}: `{path}`", source.path)));
    }
    none(broken);
}

/// Invariant 2: Only `server` knows HTTP; only `store` knows SQL; only its driver files know which database.
#[test]
fn http_sql_and_the_database_are_known_in_one_place_each() {
    const HTTP: [&str; 6] = ["axum", "http", "http-body-util", "hyper", "hyper-util", "tower"];
    const SQL: [&str; 3] = ["rusqlite", "tokio-postgres", "tokio-postgres-rustls"];
    const DRIVERS: [&str; 2] = ["crates/store/src/sqlite", "crates/store/src/postgres"];
    let mut broken = Vec::new();
    for (name, dependencies) in manifests() {
        let stray = |list: &[&str], owner| {
            name != owner && dependencies.iter().any(|had| list.contains(&had.as_str()))
        };
        if stray(&HTTP, "server") {
            broken.push(format!("crates/{name}/Cargo.toml knows HTTP"));
        }
        if stray(&SQL, "store") {
            broken.push(format!("crates/{name}/Cargo.toml knows SQL"));
        }
    }
    let mut store = sources(&["crates/store/src/"]);
    store.retain(|source| !DRIVERS.iter().any(|driver| source.path.starts_with(driver)));
    broken.extend(words(&store, |word| !word.string && SQL.contains(&word.text.replace('_', "-").as_str())));
    let everywhere = sources(&["crates/scim/", "crates/iam/", "crates/server/"]);
    let sql = ["select ", "insert into ", "update ", "delete from "];
    broken.extend(words(&everywhere, |word| {
        word.string && sql.iter().any(|verb| word.text.starts_with(verb)) && word.text.contains(" where ")
    }));
    none(broken);
}

/// Beside invariant 4: what is SQL about a tenant's tables stands in a list of statements, and each list is one of those that the
/// store's own tests hold to their tenant, their plans and their placeholders.
#[test]
fn every_statement_is_in_a_list_that_is_tested() {
    // Those are made of the list of tables, and are in the tests as that is.
    const MADE: &str = "crates/store/src/table.rs";
    const TESTS: [&str; 4] = ["/contract", "/plans.rs", "/tenancy.rs", "/postgres/isolation.rs"];
    let tables = read(MADE);
    let tables: Vec<_> = tables.split("name: \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(tables.len() > 9, "{tables:?}");
    let lists = read("crates/store/src/plans.rs") + &read("crates/store/src/postgres.rs");
    let mut broken = Vec::new();
    let shipped = sources(&["crates/store/src/"]).into_iter();
    for mut source in shipped.filter(|source| !TESTS.iter().any(|test| source.path.contains(test))) {
        let is_list =
            |item: &syn::Item| matches!(item, syn::Item::Macro(one) if one.mac.path.is_ident("statements"));
        let module = source.path.rsplit('/').next().unwrap_or_default().replace(".rs", "");
        if source.file.items.iter().any(is_list) && !lists.contains(&format!("{module}::ALL")) {
            broken.push(format!("{}: its statements are in no test", source.path));
        }
        // What a macro makes, too, is made into a list.
        source.file.items.retain(|item| !matches!(item, syn::Item::Macro(_)));
        let about_rows = |word: &source::Word| {
            let text = word.text.to_lowercase();
            word.string
                && tables.iter().any(|table| {
                    ["from ", "into ", "update ", "join "]
                        .iter()
                        .any(|verb| has_word(&text, table) && text.contains(&format!("{verb}{table}")))
                })
        };
        if source.path != MADE {
            broken.extend(words(&[source], about_rows));
        }
    }
    none(broken);
}

/// Invariant 3: No noun appears where kinds are data.
#[test]
fn no_noun_appears_where_kinds_are_data() {
    const NOUNS: [&str; 16] = [
        "User",
        "Users",
        "Group",
        "Groups",
        "Role",
        "Roles",
        "Permission",
        "Permissions",
        "Resource-Type",
        "Action",
        "Actions",
        "Client",
        "Clients",
        "EnterpriseUser",
        "userName",
        "USER",
    ];
    let generic = sources(&["crates/store/src/", "crates/iam/src/resource", "crates/server/src/scim.rs"]);
    // A connection's handle is a `Client` to the library that makes it.
    let (driver, generic): (Vec<_>, Vec<_>) =
        generic.into_iter().partition(|source| source.path.starts_with("crates/store/src/postgres/"));
    let is_noun = |word: &source::Word| NOUNS.iter().any(|noun| has_word(&word.text, noun));
    let mut broken = words(&generic, is_noun);
    broken.extend(words(&driver, |word| is_noun(word) && (word.string || word.text != "Client")));
    none(broken);
}

/// Invariant 4: No store call without a tenant, outside tenant administration and the sweepers.
#[test]
fn no_store_call_without_a_tenant() {
    /// What the store does for the installation as a whole, and the one file that may ask for it.
    const NAMED: [(&str, &str); 5] = [
        ("crates/iam/src/tenant.rs", "tenants"),
        ("crates/iam/src/audit.rs", "audited"),
        // Which tenants have events to deliver.
        ("crates/iam/src/stream/delivery.rs", "tenants"),
        // Takes the tenant as an argument: there is no caller yet.
        ("crates/iam/src/token/authenticate.rs", "authenticate"),
        // Says nothing of any tenant.
        ("crates/iam/src/token/authenticate.rs", "revocations"),
    ];
    let mut broken = Vec::new();
    for source in sources(&["crates/iam/src/"]) {
        let mut calls = StoreCalls(Vec::new());
        calls.visit_file(&source.file);
        let stray = calls.0.into_iter().filter(|(_, method)| {
            method != "tenant" && !NAMED.contains(&(source.path.as_str(), method.as_str()))
        });
        broken.extend(stray.map(|(line, method)| format!("{}:{line}: `store.{method}`", source.path)));
    }
    none(broken);
}

/// The methods called on a field or accessor named `store`.
struct StoreCalls(Vec<(usize, String)>);

impl<'ast> Visit<'ast> for StoreCalls {
    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let store = match &*call.receiver {
            syn::Expr::Field(field) => matches!(&field.member, syn::Member::Named(name) if name == "store"),
            syn::Expr::MethodCall(inner) => inner.method == "store" && inner.args.is_empty(),
            _ => false,
        };
        if store {
            self.0.push((call.method.span().start().line, call.method.to_string()));
        }
        visit::visit_expr_method_call(self, call);
    }
}

/// Invariant 5: A mutation, its index rows, its audit record and its events commit together or not at all: the store's contract
/// proves it by crashing at every step. Here only that the proof has not been taken away.
#[test]
fn what_belongs_together_is_committed_together() {
    let contract = read("crates/store/src/contract/crash.rs");
    assert!(contract.contains("fn a_crash_anywhere_leaves_all_or_nothing"));
    assert!(contract.contains("fn a_failing_batch_leaves_its_group_alone"));
}

/// Invariant 6: Every use case takes `&Cx` first and needs a permit; only `access.rs` makes one.
#[test]
fn every_use_case_takes_the_circumstances_and_a_permit() {
    /// What comes before there is a caller or a permit, the sweepers, and public keys, which are for anybody.
    const EXEMPT: [&str; 9] = [
        "open",
        "authenticate",
        "flush_used",
        "close",
        "permit",
        "permit_me",
        "permit_any",
        "permit_all",
        "key_set",
    ];
    let mut broken = Vec::new();
    for source in sources(&["crates/iam/src/"]) {
        let functions = source.file.items.iter().filter_map(|item| match item {
            syn::Item::Impl(item) if item.trait_.is_none() && named(&item.self_ty, "Iam") => {
                Some(&item.items)
            }
            _ => None,
        });
        let functions = functions.flatten().filter_map(|item| match item {
            syn::ImplItem::Fn(function) => Some(function),
            _ => None,
        });
        for function in functions.filter(|function| is_use_case(function)) {
            let name = function.sig.ident.to_string();
            if !EXEMPT.contains(&name.as_str()) && !permitted(&function.sig) {
                let line = function.sig.ident.span().start().line;
                broken.push(format!(
                    "{}:{line}: `{name}` takes neither `&Cx` and a permit nor an operator",
                    source.path
                ));
            }
        }
    }
    let access = read("crates/iam/src/access.rs");
    assert!(
        access.contains("pub struct Permit<V, P>(P, PhantomData<V>);"),
        "the fields of a permit must stay private"
    );
    none(broken);
}

fn is_use_case(function: &syn::ImplItemFn) -> bool {
    matches!(function.vis, syn::Visibility::Public(_)) && function.sig.asyncness.is_some()
}

/// `&self, &Cx, Permit<…>, …` or `&self, Operator, …`.
fn permitted(signature: &syn::Signature) -> bool {
    let types: Vec<_> = signature
        .inputs
        .iter()
        .filter_map(|input| match input {
            syn::FnArg::Typed(argument) => Some(&*argument.ty),
            syn::FnArg::Receiver(_) => None,
        })
        .collect();
    match types.as_slice() {
        [first, ..] if named(first, "Operator") => true,
        [first, second, ..] => named(first, "Cx") && named(second, "Permit"),
        _ => false,
    }
}

/// Whether a type, behind any reference, has this name, or each of a slice.
fn named(ty: &syn::Type, name: &str) -> bool {
    match ty {
        syn::Type::Reference(reference) => named(&reference.elem, name),
        syn::Type::Slice(slice) => named(&slice.elem, name),
        syn::Type::Path(path) => path.path.segments.last().is_some_and(|segment| segment.ident == name),
        _ => false,
    }
}

/// Invariant 7: Comparison is computed in Rust into keys; databases compare bytes.
#[test]
fn databases_compare_bytes() {
    const SEMANTICS: [&str; 9] = [
        "lower(",
        "upper(",
        "collate nocase",
        " like ",
        " ilike ",
        " glob ",
        " regexp ",
        "strftime(",
        "datetime(",
    ];
    let store = sources(&["crates/store/src/"]);
    none(words(&store, |word| {
        let text = word.text.to_lowercase();
        word.string && SEMANTICS.iter().any(|semantics| text.contains(semantics))
    }));
}

/// Invariant 8: The console uses the public APIs and nothing else.
#[test]
fn the_console_uses_the_public_apis() {
    let mut broken = Vec::new();
    for source in sources(&["crates/server/src/console"]) {
        let paths = source.paths().into_iter();
        let inside = paths
            .filter(|(_, path)| ["iam", "store"].iter().any(|name| path.split("::").next() == Some(name)));
        broken.extend(inside.map(|(line, path)| format!("{}:{line}: `{path}`", source.path)));
    }
    none(broken);
}

/// Invariant 9: Every route is a row of the access matrix. The matrix itself compares the lists; here only that it is there.
#[test]
fn every_route_is_in_the_access_matrix() {
    let matrix = read("crates/server/tests/it/access.rs");
    assert!(matrix.contains("ROUTES"), "the matrix must be held against the router's own list of routes");
    assert!(read("crates/server/tests/it/main.rs").contains("mod access;"));
}

/// Invariant 10: Every input has a named limit, a test that goes one over, and a line in the reference.
#[test]
fn every_limit_is_named_tested_and_documented() {
    let tests = [
        "limits.rs",
        "limits/decisions.rs",
        "limits/references.rs",
        "limits/streams.rs",
        "limits/subjects.rs",
        "limits/tenants.rs",
        "limits/waiting.rs",
        "robust/failover.rs",
    ]
    .map(|file| read(&format!("crates/server/tests/it/{file}")))
    .join("");
    let page = read(generate::LIMITS);
    let mut broken = Vec::new();
    for limit in generate::limits(&read("crates/iam/src/limits.rs")) {
        let name = limit.name;
        if limit.about.is_empty() {
            broken.push(format!("`{name}` does not say what it limits"));
        }
        if !has_word(&tests, &name) {
            broken.push(format!("`{name}` is not in crates/server/tests/it/limits.rs"));
        }
        if !has_word(&page, &name) {
            broken.push(format!("`{name}` is not in {}; run `cargo xtask generate`", generate::LIMITS));
        }
    }
    none(broken);
}
