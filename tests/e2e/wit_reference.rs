//! `docs/wit.md` is the WIT package in words: made from `wit/`, and checked to be it.

use std::fmt::Write as _;
use std::path::Path;

use wit_parser::{
    Docs, Function, FunctionKind, Handle, Interface, Resolve, Type, TypeDef, TypeDefKind, TypeId, WorldItem,
};

/// Set to write the file anew instead of comparing.
const UPDATE: &str = "UPDATE_WIT_REFERENCE";

#[test]
fn the_reference_in_the_documentation_is_the_wit_package() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let file = repository.join("docs/wit.md");
    let made = reference(&repository.join("wit"));
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&file, &made).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(written == made, "docs/wit.md is not what wit/ says: run this test with {UPDATE}=1 and look at the change");
    for word in ["start-span", "pipeline-health", "artifact-error", "trace-only-plugin", "At most 1,024 a call."] {
        assert!(made.contains(word), "{word}");
    }
}

fn reference(folder: &Path) -> String {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(folder).unwrap();
    let package = &resolve.packages[package];
    let mut out = format!(
        "# The report API: `{}`\n\n<!-- Made of wit/ by tests/e2e/wit_reference.rs; do not edit. -->\n\n\
         What a plugin may call and what it returns, in the order of the files that `forensic-host wit` prints. \
         `option<T>` may be absent, `result<T, E>` is one of two, `list<T>` is any number.\n\n## Worlds\n\n",
        package.name
    );
    for world in package.worlds.values().map(|id| &resolve.worlds[*id]) {
        let names = |items: &mut dyn Iterator<Item = &WorldItem>| -> String {
            let names = items.filter_map(|item| match item {
                WorldItem::Interface { id, .. } => resolve.interfaces[*id].name.clone(),
                _ => None,
            });
            names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        };
        let imports = names(&mut world.imports.values());
        let exports = names(&mut world.exports.values());
        let _ = write!(out, "### `{}`\n\n{}Imports {imports}; exports {exports}.\n\n", world.name, docs(&world.docs));
    }
    for interface in package.interfaces.values().map(|id| &resolve.interfaces[*id]) {
        write_interface(&mut out, &resolve, interface);
    }
    out.truncate(out.trim_end().len());
    out + "\n"
}

fn write_interface(out: &mut String, resolve: &Resolve, interface: &Interface) {
    let _ = write!(out, "## `{}`\n\n{}", interface.name.as_deref().unwrap_or_default(), docs(&interface.docs));
    let free = interface.functions.values().filter(|function| matches!(function.kind, FunctionKind::Freestanding));
    for function in free {
        write_function(out, resolve, function, "###");
    }
    for id in interface.types.values() {
        let definition = &resolve.types[*id];
        if matches!(&definition.kind, TypeDefKind::Type(_)) {
            continue;
        }
        write_type(out, resolve, definition);
        if matches!(&definition.kind, TypeDefKind::Resource) {
            let of = |function: &&Function| function.kind.resource() == Some(*id);
            for function in interface.functions.values().filter(of) {
                write_function(out, resolve, function, "####");
            }
        }
    }
}

fn write_function(out: &mut String, resolve: &Resolve, function: &Function, level: &str) {
    let own = function.params.iter().filter(|param| param.name != "self");
    let params: Vec<String> = own.map(|param| format!("{}: {}", param.name, name(resolve, &param.ty))).collect();
    let result = function.result.map(|ty| format!(" -> {}", name(resolve, &ty))).unwrap_or_default();
    let signature = format!("{}({}){result}", function.item_name(), params.join(", "));
    let _ = write!(out, "{level} `{signature}`\n\n{}", docs(&function.docs));
}

fn write_type(out: &mut String, resolve: &Resolve, definition: &TypeDef) {
    let (kind, rows): (&str, Vec<(String, String, &Docs)>) = match &definition.kind {
        TypeDefKind::Record(record) => (
            "record",
            record.fields.iter().map(|field| (field.name.clone(), name(resolve, &field.ty), &field.docs)).collect(),
        ),
        TypeDefKind::Variant(variant) => ("variant", {
            let shown = |ty: &Option<Type>| ty.map(|ty| name(resolve, &ty)).unwrap_or_default();
            variant.cases.iter().map(|case| (case.name.clone(), shown(&case.ty), &case.docs)).collect()
        }),
        TypeDefKind::Enum(cases) => {
            ("enum", cases.cases.iter().map(|case| (case.name.clone(), String::new(), &case.docs)).collect())
        }
        TypeDefKind::Resource => ("resource", Vec::new()),
        other => panic!("the reference does not know {other:?} yet"),
    };
    let title = definition.name.as_deref().unwrap_or_default();
    let _ = write!(out, "### {kind} `{title}`\n\n{}", docs(&definition.docs));
    if rows.is_empty() {
        return;
    }
    out.push_str(if kind == "enum" { "| case | |\n|---|---|\n" } else { "| name | type | |\n|---|---|---|\n" });
    for (name, ty, docs) in rows {
        let text = docs.contents.as_deref().unwrap_or_default().replace('\n', " ").replace('|', "\\|");
        let ty = if ty.is_empty() { ty } else { format!("`{ty}`") };
        let _ = match kind {
            "enum" => writeln!(out, "| `{name}` | {text} |"),
            _ => writeln!(out, "| `{name}` | {ty} | {text} |"),
        };
    }
    out.push('\n');
}

fn docs(docs: &Docs) -> String {
    docs.contents.as_deref().map(|text| format!("{}\n\n", text.trim())).unwrap_or_default()
}

fn name(resolve: &Resolve, ty: &Type) -> String {
    match ty {
        Type::Bool => "bool".into(),
        Type::U8 => "u8".into(),
        Type::U16 => "u16".into(),
        Type::U32 => "u32".into(),
        Type::U64 => "u64".into(),
        Type::S8 => "s8".into(),
        Type::S16 => "s16".into(),
        Type::S32 => "s32".into(),
        Type::S64 => "s64".into(),
        Type::F32 => "f32".into(),
        Type::F64 => "f64".into(),
        Type::Char => "char".into(),
        Type::String => "string".into(),
        Type::ErrorContext => "error-context".into(),
        Type::Id(id) => defined(resolve, *id),
    }
}

fn defined(resolve: &Resolve, id: TypeId) -> String {
    let definition = &resolve.types[id];
    if let Some(name) = &definition.name {
        return name.clone();
    }
    match &definition.kind {
        TypeDefKind::List(ty) => format!("list<{}>", name(resolve, ty)),
        TypeDefKind::Option(ty) => format!("option<{}>", name(resolve, ty)),
        TypeDefKind::Result(result) => {
            let part = |ty: &Option<Type>| ty.map_or_else(|| "_".into(), |ty| name(resolve, &ty));
            format!("result<{}, {}>", part(&result.ok), part(&result.err))
        }
        TypeDefKind::Handle(Handle::Own(id) | Handle::Borrow(id)) => defined(resolve, *id),
        TypeDefKind::Type(ty) => name(resolve, ty),
        other => panic!("the reference does not know {other:?} yet"),
    }
}
