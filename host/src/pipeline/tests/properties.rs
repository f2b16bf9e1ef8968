//! What holds of every matrix, every template and every text with placeholders.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use proptest::prelude::*;

use super::*;

fn text_of(axes: &[(String, Vec<u8>)]) -> String {
    let axis = |(name, values): &(String, Vec<u8>)| format!("{name} = {values:?}");
    axes.iter().map(axis).collect::<Vec<_>>().join(", ")
}

fn axes() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    let values = prop::collection::btree_set(0u8..100, 1..6).prop_map(|set| set.into_iter().collect());
    prop::collection::btree_map("[a-e]", values, 1..4).prop_map(|axes| axes.into_iter().collect())
}

fn env_of(env: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = env.iter().map(|(name, value)| format!("{name} = \"{value}\"")).collect();
    format!("env = {{ {} }}\n", pairs.join(", "))
}

fn env() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map("[A-D]", "[a-z]{1,3}", 0..4)
}

proptest! {
    #[test]
    fn a_matrix_makes_as_many_as_its_axes_allow(axes in axes(), excluded in any::<prop::sample::Index>()) {
        let count: usize = axes.iter().map(|(_, values)| values.len()).product();
        let (name, values) = &axes[0];
        let left_out = values[excluded.index(values.len())];
        let exclude = if values.len() > 1 { format!("exclude = [{{ {name} = {left_out} }}]\n") } else { String::new() };
        let expected = if values.len() > 1 { count - count / values.len() } else { count };
        let text = with(&format!("[stages.s]\nrun = \"1\"\nmatrix = {{ {} }}\n{exclude}", text_of(&axes)));
        let pipeline = parse(Path::new("/nowhere/p.toml"), text, &[]).unwrap();
        prop_assert_eq!(pipeline.stages.len(), expected);
        let ids: HashSet<&str> = pipeline.stages.iter().map(|stage| stage.id.as_str()).collect();
        prop_assert_eq!(ids.len(), expected);
        for stage in &pipeline.stages {
            let member = stage.member.as_ref().unwrap();
            let values: Vec<&str> = member.values.iter().map(|(_, value)| value.as_str()).collect();
            prop_assert_eq!(stage.id.as_str(), format!("s.{}", values.join(".")));
            let names: Vec<&String> = member.values.iter().map(|(name, _)| name).collect();
            prop_assert_eq!(names, axes.iter().map(|(name, _)| name).collect::<Vec<_>>());
        }
    }

    #[test]
    fn later_layers_win_key_by_key(layers in prop::collection::vec(env(), 4)) {
        // The group's template, the group, the stage's templates, the stage: what comes later wins.
        let text = with(&format!(
            "[templates.a]\n{}[templates.b]\n{}[groups.g]\ntemplate = \"a\"\n{}[groups.g.stages.s]\nrun = \"1\"\ntemplate = \"b\"\n{}",
            env_of(&layers[0]), env_of(&layers[2]), env_of(&layers[1]), env_of(&layers[3]),
        ));
        let pipeline = parse(Path::new("/nowhere/p.toml"), text, &[]).unwrap();
        let expected: BTreeMap<String, String> = layers.into_iter().flatten().collect();
        prop_assert_eq!(&pipeline.stages[0].env, &expected);
    }

    #[test]
    fn values_come_through_as_they_are(values in prop::collection::btree_set("[ -~äß\n]{1,8}", 1..4)) {
        let quoted: Vec<String> = values.iter().map(|value| serde_json::to_string(value).unwrap()).collect();
        let items: Vec<String> = quoted.iter().enumerate().map(|(i, value)| format!("{{ id = {i}, v = {value} }}")).collect();
        let text = with(&format!("[stages.s]\nforeach = [{}]\ncommand = [\"x\", \"a${{{{ item.v }}}}b\"]\n", items.join(", ")));
        let pipeline = parse(Path::new("/nowhere/p.toml"), text, &[]).unwrap();
        for (stage, value) in pipeline.stages.iter().zip(&values) {
            prop_assert_eq!(&stage.command, &Command::Argv(vec!["x".to_owned(), format!("a{value}b")]));
        }
    }
}
