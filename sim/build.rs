//! Writes the list of the bundled scenarios, whose texts are compiled into the library.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let root = manifest.parent().expect("the crate lies in the workspace").join("scenarios");
    println!("cargo::rerun-if-changed=build.rs");
    let mut files = Vec::new();
    if root.is_dir() {
        // A folder's own time changes when a file comes or goes; cargo looks at all that lies below.
        println!("cargo::rerun-if-changed={}", root.display());
        find(&root, "", &mut files)?;
    }
    files.sort();

    let mut list = String::from("&[\n");
    for path in files {
        let file = root.join(&path);
        writeln!(list, "    Bundled {{ path: {path:?}, text: include_str!({file:?}) }},")
            .expect("a string takes all");
    }
    list.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("bundled.rs"), list)
}

/// Every scenario below `folder`, by its path from the root with forward slashes.
fn find(folder: &Path, prefix: &str, files: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string().expect("scenarios are named in plain letters");
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            find(&entry.path(), &format!("{path}/"), files)?;
        } else if name.ends_with(".json") && !name.ends_with(".schema.json") {
            files.push(path);
        }
    }
    Ok(())
}
