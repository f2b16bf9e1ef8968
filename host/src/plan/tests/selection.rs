use super::*;

fn patterns(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

fn world() -> (World, Pipeline) {
    let world = World::new();
    let mut pipeline = world.pipeline(&["value.load", "value.fit <- value.load", "meta <- value.fit", "other"]);
    pipeline.stages[0].group = Some("sleeve".into());
    pipeline.stages[1].group = Some("sleeve".into());
    world.run(&pipeline, "r1", None, &all(), &[]);
    (world, pipeline)
}

#[test]
fn from_runs_it_and_what_depends_on_it_again() {
    let (world, pipeline) = world();
    let selection = Selection { from: patterns(&["value.fit"]), ..all() };
    let ran = world.run(&pipeline, "r2", Some("r1"), &selection, &[]);
    assert_eq!(ran.reused(&pipeline), ["value.load", "other"]);
    assert_eq!(ran.reason(&pipeline, "value.fit"), "runs again because of `--from`");
    assert_eq!(ran.reason(&pipeline, "meta"), "need value.fit runs again");
}

#[test]
fn only_takes_what_is_needed_along() {
    let (world, pipeline) = world();
    let selection = Selection { only: patterns(&["*.fit"]), ..all() };
    let ran = world.run(&pipeline, "r2", None, &selection, &[]);
    let actions: Vec<&Action> = ran.decisions.iter().map(|decision| &decision.action).collect();
    assert_eq!(actions, [&Action::Run, &Action::Run, &Action::Leave, &Action::Leave]);
    assert_eq!(ran.reason(&pipeline, "meta"), "is not selected by `--only`, nor needed by what is");
    assert_eq!(ran.reason(&pipeline, "value.fit"), "");
    let ran =
        world.run(&pipeline, "r3", Some("r1"), &Selection { only: patterns(&["other", "group:sleeve"]), ..all() }, &[]);
    assert_eq!(ran.reused(&pipeline), ["value.load", "value.fit", "other"]);
}

#[test]
fn force_reuses_nothing_or_not_these() {
    let (world, pipeline) = world();
    let ran = world.run(&pipeline, "r2", Some("r1"), &Selection { force: Force::All, ..all() }, &[]);
    assert_eq!(ran.reused(&pipeline), Vec::<&str>::new());
    assert_eq!(ran.reason(&pipeline, "meta"), "was forced to run by `--force`");
    let force = Force::Patterns(patterns(&["me*"]));
    let ran = world.run(&pipeline, "r3", Some("r1"), &Selection { force, ..all() }, &[]);
    assert_eq!(ran.reused(&pipeline), ["value.load", "value.fit", "other"]);
}

#[test]
fn a_pattern_without_a_stage_is_refused_with_the_nearest_one() {
    let (world, pipeline) = world();
    let keys = world.keys(&pipeline);
    let refused =
        |selection: Selection| decide(&pipeline, &keys, &selection, Sources::default()).unwrap_err().to_string();
    assert_eq!(
        refused(Selection { only: patterns(&["value.fti"]), ..all() }),
        "`--only value.fti`: the pipeline has no such stage; did you mean `value.fit`?"
    );
    assert_eq!(
        refused(Selection { from: patterns(&["value"]), ..all() }),
        "`--from value`: the pipeline has no such stage; did you mean `value.*`?"
    );
    assert_eq!(
        refused(Selection { force: Force::Patterns(patterns(&["group:sleave"])), ..all() }),
        "`--force group:sleave`: the pipeline has no group `sleave`; did you mean `group:sleeve`?"
    );
    assert_eq!(
        refused(Selection { only: patterns(&["x*[{?"]), ..all() }),
        "`--only x*[{?` matches no stage; name a stage, a pattern such as `*.features`, or `group:NAME`"
    );
}
