//! Stages that are made: by a matrix, a list, a group, a template, an included file.

use crate::flow::started;
use crate::support::Bench;

#[test]
fn a_group_with_a_matrix_and_a_template_makes_chains_side_by_side() {
    let bench = Bench::new(
        r#"
        include = ["common.toml"]
        [pipeline]
        name = "made"
        max_parallel = 1
        [groups.sleeve]
        matrix = { sleeve = ["momentum", "value"] }
        template = "shell"
        [groups.sleeve.stages."${{ matrix.sleeve }}.ingest"]
        run = "echo $KIND ${{ matrix.sleeve }} > $FORENSIC_DATA_DIR/${{ matrix.sleeve }}.txt"
        [groups.sleeve.stages."${{ matrix.sleeve }}.features"]
        run = "cat $FORENSIC_DATA_DIR/${{ matrix.sleeve }}.txt"
        needs = ["${{ matrix.sleeve }}.ingest"]
        [stages.load]
        foreach = { file = "symbols.csv" }
        command = ["echo", "${{ item.symbol }}", "${{ item.weight }}"]
        [stages.all]
        run = "ls $FORENSIC_DATA_DIR"
        needs = ["*.features", "load.*"]
        [stages.whole]
        run = "true"
        needs = ["group:sleeve"]
        "#,
    );
    bench.write("common.toml", "[templates.shell]\nenv = { KIND = \"sleeve\" }\ntimeout = \"1m\"\n");
    bench.write("symbols.csv", "id,symbol,weight\na,AAPL,0.5\nb,MSFT,0.25\n");
    let ran = bench.run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let trace = bench.trace();
    assert_eq!(bench.read("logs/value.features/1.out.log"), "sleeve value\n");
    assert_eq!(bench.read("logs/load.a/1.out.log"), "AAPL 0.5\n");
    let member = &trace.stage("momentum.ingest")["attributes"];
    assert_eq!(member["forensic.stage.member_of"], "{sleeve}.ingest");
    assert_eq!(member["forensic.stage.member_values"][0], "sleeve=momentum");
    assert_eq!(member["forensic.stage.group"], "sleeve");
    let needs: Vec<&str> = trace.stage("all")["attributes"]["forensic.stage.needs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|need| need.as_str().unwrap())
        .collect();
    assert_eq!(needs.len(), 4, "{needs:?}");
    assert_eq!(trace.stage("whole")["attributes"]["forensic.stage.needs"].as_array().unwrap().len(), 4);
    assert_eq!(started(&bench).len(), 8);
}
