//! The `[topology]` table of a scenario.

use serde::Deserialize;
use waybook_sim::topology::TopologySpec;

use super::names;

#[derive(Debug, Deserialize)]
struct Scenario {
    topology: TopologySpec,
}

fn spec(table: &str) -> Result<TopologySpec, String> {
    toml::from_str::<Scenario>(&format!("topology = {{ {table} }}"))
        .map(|s| s.topology)
        .map_err(|e| e.to_string())
}

fn no_files(path: &str) -> Result<String, String> {
    Err(format!("there is no `{path}`"))
}

fn built(table: &str, content: &str) -> Vec<String> {
    let mut asked = Vec::new();
    let built = spec(table).unwrap().build(1, &mut |path| {
        asked.push(path.to_owned());
        Ok(content.to_owned())
    });
    assert!(asked.len() <= 1, "{asked:?}");
    names(&built.unwrap().topology)
}

#[test]
fn every_form_makes_a_tree() {
    assert_eq!(
        built("file = \"tree.csv\"", "place\na\na/b\n"),
        ["a", "a/b"]
    );
    assert_eq!(
        built("list = [\"a/b\", \"a\", \"a/b/c\", \"a/d\"]", ""),
        ["a", "a/b", "a/b/c", "a/d"]
    );
    assert_eq!(
        built("generate = \"regular\", degree = 4, depth = 3", "").len(),
        85
    );
    assert_eq!(
        built("generate = \"recursive\", places = 1000", "").len(),
        1000
    );
    assert_eq!(
        built(
            "generate = \"preferential\", places = 50, exponent = 0.5, offset = 2, seed = 9",
            ""
        )
        .len(),
        50
    );
    assert_eq!(
        built("names = \"cities.txt\", root = \"world\"", "it/rome\n"),
        ["world", "world/it", "world/it/rome"]
    );
    assert_eq!(
        built(
            "names = \"c.csv\", columns = [\"country\", \"city\"], duplicates = \"number\"",
            "city,country\nx,a\nx,a\n"
        ),
        ["a", "a/x", "a/x-2"]
    );
    let gml = "graph [ node [ id 0 label \"Roma\" ] node [ id 1 ] edge [ source 0 target 1 d 2 ] node [ id 5 ] ]";
    assert_eq!(
        built(
            "import = \"x.gml\", root = \"Roma\", rule = \"latency\", latency = \"d\", latency-unit = \"us\", unconnected = \"largest\", speed = \"none\"",
            gml
        ),
        ["roma", "roma/1"]
    );
    assert_eq!(
        built(
            "import = \"x.dat\", format = \"gml\", root = \"id:1\", rule = \"hops\", naming = \"id\", unconnected = \"largest\", missing-latency = \"5 ms\", speed = \"200000 km/s\", bandwidth = \"d\", bandwidth-unit = \"kbit/s\", classes = \"attribute:kind\", duplicates = \"refuse\"",
            gml
        ),
        ["1", "1/0"]
    );
}

#[test]
fn an_import_reports_what_became_of_the_graph() {
    let table = "import = \"x.gml\", rule = \"hops\", root = \"centroid\"";
    let text = "graph [ node [ id 0 ] node [ id 1 ] node [ id 2 ] edge [ source 0 target 1 ] edge [ source 1 target 2 ] edge [ source 0 target 2 ] ]";
    let built = spec(table)
        .unwrap()
        .build(1, &mut |_| Ok(text.to_owned()))
        .unwrap();
    let report = built.report.unwrap();
    assert_eq!((report.root.as_str(), report.lost), ("0", 1));
}

#[test]
fn a_seed_of_its_own_goes_before_the_runs() {
    let tree = |table: &str, seed| spec(table).unwrap().build(seed, &mut no_files).unwrap();
    let drawn = "generate = \"recursive\", places = 200";
    assert_ne!(tree(drawn, 1), tree(drawn, 2));
    let fixed = "generate = \"recursive\", places = 200, seed = 1";
    assert_eq!(tree(fixed, 2), tree(drawn, 1));
}

#[test]
fn bad_tables_are_refused_with_the_key_and_the_remedy() {
    for (table, message) in [
        ("", "a topology needs a source"),
        ("degree = 3", "a topology needs a source"),
        ("file = \"a\", names = \"b\"", "here are `file` and `names`"),
        ("files = \"a\"", "unknown field `files`"),
        ("generate = \"star\"", "unknown variant `star`"),
        (
            "generate = \"regular\", degree = 3",
            "`generate` needs `depth`",
        ),
        (
            "generate = \"regular\", degree = -3, depth = 1",
            "invalid value",
        ),
        (
            "generate = \"regular\", degree = 3, depth = 1, seed = 1",
            "`seed` says nothing of a topology with `generate = \"regular\"`",
        ),
        ("generate = \"recursive\"", "needs `places`"),
        (
            "file = \"a\", root = \"x\"",
            "`root` says nothing of a topology with `file`; remove it",
        ),
        ("list = [\"A\"]", "`A`"),
        (
            "names = \"a\", duplicates = \"drop\"",
            "`merge`, `number` or `refuse`",
        ),
        ("names = \"a\", columns = []", "`columns` is empty"),
        (
            "names = \"a\", classes = \"attribute:x\"",
            "only graphs have attributes",
        ),
        (
            "names = \"a\", classes = \"size\"",
            "`role`, `depth` or `attribute:NAME`",
        ),
        (
            "import = \"a\", duplicates = \"merge\"",
            "`number` or `refuse`",
        ),
        ("import = \"a\", rule = \"cost\"", "unknown variant `cost`"),
        ("import = \"a\", speed = \"fast\"", "`speed` is `fast`"),
        ("import = \"a\", speed = \"300000 km/s\"", "`speed` is"),
        (
            "import = \"a\", missing-latency = \"5\"",
            "`missing-latency`",
        ),
        (
            "import = \"a\", missing-latency = \"2 h\"",
            "longer than an hour",
        ),
        ("import = \"a\", latency-unit = \"ms\"", "name it"),
        (
            "import = \"a\", latency = \"d\", latency-unit = \"parsec\"",
            "`latency-unit`",
        ),
    ] {
        let error = spec(table).expect_err(table);
        assert!(error.contains(message), "{table}\n{error}");
    }
}

#[test]
fn errors_name_the_file() {
    let error = |table: &str, content: Result<&str, &str>| {
        let spec = spec(table).unwrap();
        let content = content.map(str::to_owned).map_err(str::to_owned);
        spec.build(1, &mut |_| content.clone())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        error("file = \"t.csv\"", Err("no such file")),
        "t.csv: no such file"
    );
    assert!(
        error("file = \"t.csv\"", Ok("place\nA\n")).starts_with("t.csv, line 2, column `place`: ")
    );
    assert!(
        error("import = \"t.xyz\"", Ok("?")).starts_with("t.xyz: neither the name nor the content")
    );
    assert!(error("names = \"n.txt\"", Ok("")).starts_with("n.txt: there is no name"));
    assert!(
        error("list = [\"a\", \"b\"]", Ok("")).starts_with("`list`: `a` and `b` are both roots")
    );
    assert!(error("generate = \"recursive\", places = 0", Ok("")).starts_with("`places` is 0"));
}
