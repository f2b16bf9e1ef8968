//! `include`: the documents that a pipeline is made of, the pipeline file's own first, each once.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::DeTable;

use super::files::{Files, Folder, identity};
use crate::config;
use crate::config::read::{Field, Reader, Table};
use crate::config::words::clip;

/// Most files that a pipeline may include, at whatever depth.
const MAX_INCLUDED: usize = 100;

/// A document and where it is.
pub(super) struct Document<'d> {
    pub(super) table: Table<'d>,
    pub(super) folder: Folder,
}

/// Room for the texts of included files and for what was made of them: the one has to outlive the other.
pub(super) struct Texts(Vec<OnceCell<Arc<str>>>);
pub(super) struct Parsed<'t>(Vec<OnceCell<Spanned<DeTable<'t>>>>);

impl Texts {
    pub(super) fn new() -> Self {
        Self((0..MAX_INCLUDED).map(|_| OnceCell::new()).collect())
    }
}

impl Parsed<'_> {
    pub(super) fn new() -> Self {
        Self((0..MAX_INCLUDED).map(|_| OnceCell::new()).collect())
    }
}

struct Includes<'d, 'r, 'b> {
    reader: &'r mut Reader,
    files: &'r mut Files<'b>,
    texts: &'d Texts,
    parsed: &'d Parsed<'d>,
    /// The files on the way to the one that is being read.
    chain: Vec<PathBuf>,
    /// All that were met.
    met: Vec<PathBuf>,
    documents: Vec<Document<'d>>,
}

/// The document and those that it includes.
pub(super) fn read<'d>(
    reader: &mut Reader,
    files: &mut Files<'_>,
    document: Document<'d>,
    path: &Path,
    texts: &'d Texts,
    parsed: &'d Parsed<'d>,
) -> Vec<Document<'d>> {
    let own = identity(path);
    let (chain, met) = (vec![own.clone()], vec![own]);
    let mut includes = Includes { reader, files, texts, parsed, chain, met, documents: Vec::new() };
    includes.add(document);
    includes.documents
}

impl<'d> Includes<'d, '_, '_> {
    fn add(&mut self, document: Document<'d>) {
        let include = document.table.get("include");
        let folder = document.folder.clone();
        self.documents.push(document);
        let Some(include) = include else { return };
        for (element, _) in self.reader.strings(&include, "an array of paths").unwrap_or_default() {
            if let Some(text) = self.reader.line(&element, "a path") {
                self.include(&element, text, &folder);
            }
        }
    }

    fn include(&mut self, field: &Field<'d>, text: &str, folder: &Folder) {
        let (path, shown) = folder.file(text);
        let own = identity(&path);
        if self.chain.contains(&own) {
            let message = format!("`{}` includes itself", clip(&shown.display().to_string()));
            let draft = self.reader.mistakes.error(field.at.clone(), message);
            draft.label("this leads back to a file that is being read").help("take it out of `include`");
            return;
        }
        if self.met.contains(&own) {
            return;
        }
        let number = self.met.len() - 1;
        let (Some(text), Some(parsed)) = (self.texts.0.get(number), self.parsed.0.get(number)) else {
            let message = format!("more than {MAX_INCLUDED} files are included");
            self.reader.mistakes.error(field.at.clone(), message).label("this is one too many");
            return;
        };
        self.met.push(own.clone());
        let Some(content) = self.files.read(self.reader, &field.at, (&path, &shown), "the included file") else {
            self.reader.mistakes.names_are_lost();
            return;
        };
        let (base, document) = config::open(self.reader, &shown, text.get_or_init(|| content));
        let Some(document) = document else {
            self.reader.mistakes.names_are_lost();
            return;
        };
        let table = Table::at(parsed.get_or_init(|| document).get_ref(), base);
        self.chain.push(own);
        self.add(Document { table, folder: Folder::of(&path, &shown) });
        self.chain.pop();
    }
}
