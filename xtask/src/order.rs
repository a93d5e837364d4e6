//! The order of the files of `sync` (see its `lib.rs`): a file imports only from its own folder and from those before
//! it, without cycles.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::{Context as _, bail};

const SOURCES: &str = "crates/sync/src";
/// The folders, each importing only from those before it. The files beside them come first,
const FOLDERS: [&str; 8] = ["engine", "cluster", "verify", "repair", "relay", "events", "backfill", "status"];
/// except for these, which come last.
const LAST: [&str; 2] = ["tasks", "replicator"];

/// A file by its module path, and what it imports.
type Imports = BTreeMap<String, BTreeSet<String>>;

pub fn check() -> anyhow::Result<()> {
    let mut imports = Imports::new();
    for entry in fs::read_dir(SOURCES).context(SOURCES)? {
        let path = entry?.path();
        if path.is_dir() {
            let folder = stem(&path);
            for entry in fs::read_dir(&path)? {
                let path = entry?.path();
                imports.insert(format!("{folder}::{}", stem(&path)), imports_of(&fs::read_to_string(&path)?));
            }
        } else {
            imports.insert(stem(&path), imports_of(&fs::read_to_string(&path)?));
        }
    }
    // Files with declarations only.
    imports.retain(|file, _| file != "lib" && !file.ends_with("::mod"));
    for (file, imported) in &imports {
        for other in imported {
            if !imports.contains_key(other) {
                bail!("{SOURCES}: {file} imports {other}, which is not a file: import by the file's path");
            }
            if rank(other) > rank(file) {
                bail!("{SOURCES}: {file} imports {other}, which comes after it in the order of the folders");
            }
        }
    }
    match circle(&imports) {
        Some(circle) => bail!("{SOURCES}: these files import each other: {}", circle.join(" -> ")),
        None => Ok(()),
    }
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

fn rank(file: &str) -> usize {
    let folder = file.split_once("::").and_then(|(folder, _)| FOLDERS.iter().position(|other| *other == folder));
    match folder {
        Some(place) => place + 1,
        None if LAST.contains(&file) => FOLDERS.len() + 1,
        None => 0,
    }
}

/// The files that `use crate::…;` names.
fn imports_of(text: &str) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    for statement in text.split("use crate::").skip(1) {
        let tree: String = statement.split(';').next().unwrap_or_default().split_whitespace().collect();
        let mut paths = Vec::new();
        expand("", &tree, &mut paths);
        for path in paths {
            let mut names = path.split("::");
            let first = names.next().unwrap_or_default();
            let second = names.next().filter(|_| FOLDERS.contains(&first));
            files.insert(second.map_or_else(|| first.to_owned(), |second| format!("{first}::{second}")));
        }
    }
    files
}

/// The paths of a tree of imports without blanks, as `a::{b,c::{d,e}}`.
fn expand(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let (mut depth, mut start) = (0, 0);
    let mut items = Vec::new();
    for (place, letter) in tree.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&tree[start..place]);
                start = place + 1;
            }
            _ => {}
        }
    }
    items.push(&tree[start..]);
    for item in items.into_iter().filter(|item| !item.is_empty()) {
        match item.split_once('{') {
            Some((head, rest)) => expand(&format!("{prefix}{head}"), rest.strip_suffix('}').unwrap_or(rest), paths),
            None => paths.push(format!("{prefix}{item}")),
        }
    }
}

/// An import cycle, if any.
fn circle(imports: &Imports) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    imports.keys().find_map(|file| visit(file, imports, &mut Vec::new(), &mut done))
}

fn visit(file: &str, imports: &Imports, way: &mut Vec<String>, done: &mut BTreeSet<String>) -> Option<Vec<String>> {
    if let Some(place) = way.iter().position(|other| other == file) {
        return Some(way[place..].iter().cloned().chain([file.to_owned()]).collect());
    }
    if done.contains(file) {
        return None;
    }
    way.push(file.to_owned());
    let found = imports.get(file).into_iter().flatten().find_map(|other| visit(other, imports, way, done));
    way.pop();
    done.insert(file.to_owned());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn imports_are_found_by_file() {
        let text = "use crate::{\n    engine::{context::Engine, throttled::{self, all_done}},\n    errors::SyncError,\n};\n\
                    pub use crate::relay::plan;";
        assert_eq!(imports_of(text), files(&["engine::context", "engine::throttled", "errors", "relay::plan"]));
    }

    #[test]
    fn a_circle_is_found_and_a_diamond_is_none() {
        let of = |pairs: &[(&str, &[&str])]| -> Imports {
            pairs.iter().map(|(file, others)| ((*file).to_owned(), files(others))).collect()
        };
        assert_eq!(circle(&of(&[("a", &["b", "c"]), ("b", &["d"]), ("c", &["d"]), ("d", &[])])), None);
        let found = circle(&of(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])]));
        assert_eq!(found, Some(["b", "c", "b"].map(str::to_owned).to_vec()));
    }
}
