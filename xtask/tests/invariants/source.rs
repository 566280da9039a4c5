//! Reading the workspace's sources and manifests, so that a rule can be asked of them.
//!
//! Test code and comments are left out: the rules are about what is shipped.

use std::path::PathBuf;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit::{self, Visit};
use xtask::run::root;
use xtask::tidy;

/// A source file without its tests.
pub(crate) struct Source {
    /// Its path below the root.
    pub(crate) path: String,
    /// What it says.
    pub(crate) file: syn::File,
}

/// A word of the code or a string in it.
pub(crate) struct Word {
    /// The line, counted from 1.
    pub(crate) line: usize,
    /// An identifier, or what stands between the quotes of a string.
    pub(crate) text: String,
    /// Whether it is a string.
    pub(crate) string: bool,
}

/// The sources below these paths. A path that does not exist (yet) has none.
pub(crate) fn sources(below: &[&str]) -> Vec<Source> {
    let files = tidy::files(&root()).unwrap().into_iter();
    let wanted = files
        .filter(|file| file.path.ends_with(".rs") && below.iter().any(|path| file.path.starts_with(path)));
    let parsed = wanted.filter(|file| !is_test(&file.path)).map(|file| {
        let mut parsed = syn::parse_file(&file.text).unwrap_or_else(|error| panic!("{}: {error}", file.path));
        parsed.items.retain(|item| !attributes(item).is_some_and(for_tests));
        Source { path: file.path, file: parsed }
    });
    parsed.collect()
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs")
}

fn attributes(item: &syn::Item) -> Option<&[syn::Attribute]> {
    match item {
        syn::Item::Fn(item) => Some(&item.attrs),
        syn::Item::Impl(item) => Some(&item.attrs),
        syn::Item::Mod(item) => Some(&item.attrs),
        syn::Item::Use(item) => Some(&item.attrs),
        syn::Item::Const(item) => Some(&item.attrs),
        syn::Item::Static(item) => Some(&item.attrs),
        _ => None,
    }
}

fn for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.meta.to_token_stream().to_string().contains("test")
    })
}

impl Source {
    /// Every identifier and every string, in order. Documentation is no string.
    pub(crate) fn words(&self) -> Vec<Word> {
        let mut words = Vec::new();
        collect(self.file.to_token_stream(), &mut words);
        words
    }

    /// Every path the code names, `use` lists unfolded, with its line: `std::fs::read`.
    pub(crate) fn paths(&self) -> Vec<(usize, String)> {
        let mut paths = Paths(Vec::new());
        paths.visit_file(&self.file);
        paths.0
    }
}

fn collect(tokens: TokenStream, words: &mut Vec<Word>) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let line = token.span().start().line;
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '#' => {
                while tokens
                    .next_if(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == '!'))
                    .is_some()
                {}
                tokens.next_if(|token| token.to_string().replace(' ', "").starts_with("[doc="));
            }
            TokenTree::Punct(_) => {}
            TokenTree::Group(group) => collect(group.stream(), words),
            TokenTree::Ident(ident) => words.push(Word { line, text: ident.to_string(), string: false }),
            TokenTree::Literal(literal) => {
                if let Ok(string) = syn::parse_str::<syn::LitStr>(&literal.to_string()) {
                    words.push(Word { line, text: string.value(), string: true });
                }
            }
        }
    }
}

struct Paths(Vec<(usize, String)>);

impl<'ast> Visit<'ast> for Paths {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let line = path.segments.first().map_or(0, |segment| segment.ident.span().start().line);
        self.0.push((line, names.join("::")));
        visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.unfold("", &item.tree);
    }
}

impl Paths {
    fn unfold(&mut self, before: &str, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => self.unfold(&format!("{before}{}::", path.ident), &path.tree),
            syn::UseTree::Name(name) => {
                self.0.push((name.ident.span().start().line, format!("{before}{}", name.ident)))
            }
            syn::UseTree::Rename(name) => {
                self.0.push((name.ident.span().start().line, format!("{before}{}", name.ident)))
            }
            syn::UseTree::Glob(glob) => {
                let line = glob.star_token.spans.first().map_or(0, |span| span.start().line);
                self.0.push((line, before.trim_end_matches(':').to_owned()));
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.unfold(before, tree)),
        }
    }
}

/// The crates and what their manifests name as dependencies; those for tests alone are left out.
pub(crate) fn manifests() -> Vec<(String, Vec<String>)> {
    let crates = std::fs::read_dir(root().join("crates")).unwrap();
    let names = crates.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut all: Vec<_> = names.map(|name| (name.clone(), dependencies(&name))).collect();
    all.sort();
    all
}

fn dependencies(name: &str) -> Vec<String> {
    let path: PathBuf = root().join("crates").join(name).join("Cargo.toml");
    let manifest: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let table = manifest.get("dependencies").and_then(toml::Value::as_table);
    table.map(|table| table.keys().cloned().collect()).unwrap_or_default()
}
