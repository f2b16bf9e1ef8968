use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;
use crate::pipeline::Trigger;

const WIDE: Canvas = Canvas { width: 100, unicode: true };

fn stage(id: &str, needs: &[usize]) -> StageView {
    StageView { id: id.into(), needs: needs.to_vec(), ..StageView::default() }
}

fn member(id: &str, of: &str, needs: &[usize]) -> StageView {
    StageView { member_of: Some(of.into()), ..stage(id, needs) }
}

/// Two sleeves of three stages, and what brings them together.
fn sleeves() -> Vec<StageView> {
    vec![
        member("a.load", "{s}.load", &[]),
        member("b.load", "{s}.load", &[]),
        member("a.fit", "{s}.fit", &[0]),
        member("b.fit", "{s}.fit", &[1]),
        member("a.test", "{s}.test", &[0]),
        member("b.test", "{s}.test", &[1]),
        StageView { trigger: Trigger::Any, when: true, cache: true, ..stage("join", &[2, 3, 4, 5]) },
        StageView { nested: Some("sub \"x\".toml".into()), allow_failure: true, ..stage("end", &[6]) },
    ]
}

#[test]
fn members_are_folded_and_counted_unless_all_are_wanted() {
    let folded = View::new("p", &sleeves(), false);
    let titles: Vec<String> = folded.nodes.iter().map(|node| node.title("×")).collect();
    assert_eq!(titles, ["{s}.load ×2", "{s}.fit ×2", "{s}.test ×2", "join", "end"]);
    assert_eq!(folded.nodes[0].stages, ["a.load", "b.load"]);
    assert_eq!(folded.nodes[3].needs, [1, 2]);
    assert_eq!(folded.nodes.iter().map(|node| node.depth).collect::<Vec<_>>(), [0, 1, 1, 2, 3]);
    let all = View::new("p", &sleeves(), true);
    assert_eq!(all.nodes.len(), 8);
    assert_eq!((folded.edges(), all.edges()), (5, 9));
}

#[test]
fn members_that_need_each_other_stay_apart() {
    // Each year needs the year before; `load` and `plot` do not, and stay one.
    let stages = [
        member("load.1", "load.{y}", &[]),
        member("load.2", "load.{y}", &[]),
        member("fit.1", "fit.{y}", &[0]),
        member("fit.2", "fit.{y}", &[1, 2]),
        member("plot.1", "plot.{y}", &[2]),
        member("plot.2", "plot.{y}", &[3]),
    ];
    let view = View::new("p", &stages, false);
    let titles: Vec<String> = view.nodes.iter().map(|node| node.title("×")).collect();
    assert_eq!(titles, ["load.{y} ×2", "fit.1", "fit.2", "plot.{y} ×2"]);
    assert_eq!(view.nodes[2].needs, [0, 1]);
}

#[test]
fn the_terminal_gets_rails() {
    let view = View::new("demo", &sleeves(), true);
    assert_eq!(
        text::text(&view, &WIDE),
        "demo: 8 stages, 4 deep\n\
         ○       a.load\n\
         ├─●     a.fit\n\
         ● │     a.test\n\
         │ │ ○   b.load\n\
         │ │ ├─● b.fit\n\
         │ │ ● │ b.test\n\
         ●─┴─┴─┘ join  (after any, when, cached)\n\
         ●       end  (pipeline sub \"x\".toml, may fail)\n\
         ○ needs nothing   ● needs what its lines come from, all of it above\n"
    );
}

#[test]
fn ascii_where_the_locale_is_not_utf8() {
    let drawn = text::text(&View::new("demo", &sleeves(), false), &Canvas { width: 60, unicode: false });
    assert!(drawn.is_ascii(), "{drawn}");
    assert!(drawn.contains("{s}.load x2") && drawn.contains("(after any, when, cached)"), "{drawn}");
}

#[test]
fn too_many_rails_become_a_list() {
    let mut stages: Vec<StageView> = (0..200).map(|n| stage(&format!("s{n}"), &[])).collect();
    stages.push(stage("all", &(0..200).collect::<Vec<_>>()));
    let drawn = text::text(&View::new("fan", &stages, false), &WIDE);
    assert!(drawn.contains("\n   1  all ← s0, s1, s2,"), "{drawn}");
    assert!(drawn.lines().all(|line| line.chars().count() <= 100));
}

#[test]
fn mermaid_has_safe_ids_and_labels() {
    let mut stages = sleeves();
    stages[0].group = Some("sleeve".into());
    stages[1].group = Some("sleeve".into());
    let drawn = mermaid::mermaid(&View::new("p", &stages, false), false).unwrap();
    assert_eq!(
        drawn,
        "flowchart TD\n  s1[\"{s}.fit ×2\"]\n  s2[\"{s}.test ×2\"]\n  \
         s3{{\"join<br/><i>after any, when, cached</i>\"}}\n  \
         s4[[\"end<br/><i>pipeline sub #34;x#34;.toml, may fail</i>\"]]\n  \
         subgraph g1[\"sleeve\"]\n    s0[\"{s}.load ×2\"]\n  end\n  \
         s0 --> s1\n  s0 --> s2\n  s1 -. any .-> s3\n  s2 -. any .-> s3\n  s3 --> s4\n"
    );
}

#[test]
fn mermaid_refuses_what_it_would_not_draw() {
    let stages: Vec<StageView> = (0..502).map(|n| stage(&format!("s{n}"), if n == 0 { &[] } else { &[0] })).collect();
    let error = mermaid::mermaid(&View::new("p", &stages, true), true).unwrap_err().to_string();
    assert!(
        error.contains("502 nodes, 501 edges") && error.contains("`--format dot`, or leave out `--all`"),
        "{error}"
    );
    assert!(mermaid::mermaid(&View::new("p", &stages[..500], true), true).is_ok());
}

#[test]
fn graphviz_reads_what_is_written() {
    let mut stages = sleeves();
    stages[7].nested = Some("a\\b\"c\n&amp;<x>é.toml".into());
    stages[2].group = Some("g".into());
    stages[3].group = Some("g".into());
    let drawn = dot::dot(&View::new("name \\ \"q\"", &stages, false));
    assert!(drawn.contains("s4 [label=\"end\\npipeline a\\\\b\\\"c\\n&amp;amp;<x>é.toml, may fail\""), "{drawn}");
    if let Some(read) = graphviz(&drawn) {
        let nodes: Vec<&str> = read.lines().filter(|line| line.starts_with("node ")).collect();
        assert_eq!(nodes.len(), 5, "{read}");
        assert_eq!(read.lines().filter(|line| line.starts_with("edge ")).count(), 5, "{read}");
        // A second reading knows them as text, not as markup.
        assert!(read.contains("pipeline a\\\\b\\\"c\\n&amp;<x>é.toml, may fail"), "{read}");
    }
}

/// What Graphviz makes of it, in its plain format; `None` where it isn't installed.
fn graphviz(text: &str) -> Option<String> {
    let mut child = Command::new("dot").arg("-Tplain").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{text}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn programs_get_everything() {
    let read: serde_json::Value =
        serde_json::from_str(&json::json(&View::new("p", &sleeves(), false)).unwrap()).unwrap();
    assert_eq!(read["schema"], "forensic.graph/1");
    assert_eq!(read["stages"], 8);
    assert_eq!(read["nodes"][3]["needs"], serde_json::json!([1, 2]));
    assert_eq!(read["nodes"][3]["trigger"], "any");
    assert_eq!(read["nodes"][4]["pipeline"], "sub \"x\".toml");
}

/// Stages that need some of those before them, some of them members of a matrix.
fn stages() -> impl Strategy<Value = Vec<StageView>> {
    let one = (prop::collection::vec(any::<prop::sample::Index>(), 0..4), prop::option::of(0_u8..4));
    prop::collection::vec(one, 0..40).prop_map(|all| {
        let stages = all.into_iter().enumerate().map(|(index, (needs, of))| {
            let needs: BTreeSet<usize> =
                needs.iter().filter(|_| index > 0).map(|need| need.index(index.max(1))).collect();
            let needs = needs.into_iter().collect();
            StageView {
                id: format!("s{index}"),
                needs,
                member_of: of.map(|of| format!("m{of}")),
                ..StageView::default()
            }
        });
        stages.collect()
    })
}

/// Follows the rails of a drawing: for each line its stage, and the stages that its rails come from.
fn follow(drawn: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut rails: Vec<Option<String>> = Vec::new();
    let mut found = BTreeMap::new();
    for line in drawn.lines().skip(1) {
        let Some(at) = line.chars().position(|c| matches!(c, '○' | '●')) else { continue };
        let chars: Vec<char> = line.chars().collect();
        if chars[at] == '○' && line.contains("needs nothing") {
            continue;
        }
        let name: String =
            line.split(['○', '●']).nth(1).unwrap().chars().filter(|c| c.is_ascii_alphanumeric()).collect();
        let own = at / 2;
        rails.resize(rails.len().max(chars.len() / 2 + 1), None);
        let mut needs = BTreeSet::new();
        if chars[at] == '●'
            && let Some(above) = rails[own].take()
        {
            needs.insert(above);
        }
        for (rail, carried) in rails.iter_mut().enumerate() {
            match chars.get(rail * 2) {
                Some('├' | '┤' | '┼') => needs.extend(carried.clone()),
                Some('└' | '┘' | '┴') => needs.extend(carried.take()),
                Some('│' | '●') => {}
                // Nothing comes down here.
                _ => *carried = None,
            }
        }
        rails[own] = Some(name.clone());
        found.insert(name, needs);
    }
    found
}

proptest! {
    #[test]
    fn rails_tell_exactly_what_is_needed(stages in stages()) {
        let view = View::new("p", &stages, true);
        let drawn = text::text(&view, &Canvas { width: 400, unicode: true });
        let told = follow(&drawn);
        prop_assert_eq!(told.len(), stages.len(), "{}", drawn);
        for stage in &stages {
            let needs: BTreeSet<String> = stage.needs.iter().map(|need| stages[*need].id.clone()).collect();
            prop_assert_eq!(&told[&stage.id], &needs, "{} in\n{}", stage.id, drawn);
        }
    }

    #[test]
    fn folding_loses_no_stage_and_no_need(stages in stages()) {
        let view = View::new("p", &stages, false);
        let mut node_of = BTreeMap::new();
        for (index, node) in view.nodes.iter().enumerate() {
            for id in &node.stages {
                prop_assert!(node_of.insert(id.clone(), index).is_none());
            }
        }
        prop_assert_eq!(node_of.len(), stages.len());
        for stage in &stages {
            for need in &stage.needs {
                let (from, to) = (node_of[&stages[*need].id], node_of[&stage.id]);
                prop_assert!(view.nodes[to].needs.contains(&from));
                prop_assert!(view.nodes[from].depth < view.nodes[to].depth);
            }
        }
    }
}
