//! The catalogue: complete, true to the versions, and readable from the official file too.

use jiff::civil::date;
use reeve_check::{Aggregate, Catalogue, CatalogueError, ScopeChoice, Target, Verdict, Way, way};

#[test]
fn every_testcase_is_known_and_has_its_way() {
    let catalogue = Catalogue::embedded();
    let count = |wanted| {
        catalogue
            .testcases
            .iter()
            .filter(|testcase| way(&testcase.id) == Some(wanted))
            .count()
    };
    assert_eq!(catalogue.testcases.len(), 91);
    assert_eq!(
        (
            count(Way::Reads),
            count(Way::Creates),
            count(Way::Probes),
            count(Way::Dropped),
            count(Way::Manual)
        ),
        (80, 4, 1, 3, 3)
    );
    assert_eq!(
        catalogue.testcases.iter().filter(|testcase| testcase.automatic).count(),
        88
    );
    for id in [
        "",
        "scs-",
        "scs-0103-flavor-1V-4",
        "scs-0103-flavor-9v-9",
        "scs-0102-prop-",
        "scs-9999-x",
        "scs-010é",
    ] {
        assert_eq!(way(id), None, "{id:?}");
    }
}

#[test]
fn versions_have_the_sizes_that_the_official_command_runs() {
    let catalogue = Catalogue::embedded();
    let sizes = |choice: &ScopeChoice| {
        let scope = catalogue.scope(choice).unwrap();
        let of = |target| scope.cases.iter().filter(|case| case.target == target).count();
        (of(Target::Main), of(Target::Recommended), of(Target::Preview))
    };
    let version = |name: &str| sizes(&ScopeChoice::Version(name.to_owned()));
    // Main, recommended, judged by a person.
    assert_eq!(version("v3"), (16, 6, 0));
    assert_eq!(version("v4"), (39, 23, 0));
    assert_eq!(version("v5.1"), (54, 27, 3));
    assert_eq!(version("next"), (55, 25, 3));
    assert_eq!(
        sizes(&ScopeChoice::All).0 + sizes(&ScopeChoice::All).1 + sizes(&ScopeChoice::All).2,
        91
    );
    let at = |day| {
        let scope = catalogue.scope(&ScopeChoice::At(day)).unwrap();
        let versions: Vec<_> = scope
            .versions
            .iter()
            .map(|(name, is)| format!("{name} {}", is.as_deref().unwrap()))
            .collect();
        (
            versions.join(", "),
            scope.cases.iter().filter(|case| case.target == Target::Main).count(),
        )
    };
    assert_eq!(at(date(2026, 11, 21)), ("next draft, v5.1 effective".to_owned(), 57));
    assert_eq!(
        at(date(2025, 9, 9)).0,
        "next draft, v5.1 effective, v4 deprecated, v3 deprecated"
    );
    assert_eq!(at(date(2025, 9, 8)).0, "v5.1 effective, v4 deprecated, v3 deprecated");
    assert!(catalogue.scope(&ScopeChoice::At(date(2024, 12, 18))).is_err());
    let error = catalogue.scope(&ScopeChoice::Version("v9".to_owned())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no version `v9` (there are: next, v5.1, v4, v3)"
    );
}

#[test]
fn the_gravest_result_decides() {
    use Verdict::{Abort, Fail, Pass};
    assert_eq!(Aggregate::of([Some(Pass), Some(Pass)]), Aggregate::Pass);
    assert_eq!(Aggregate::of([Some(Pass), Some(Abort)]), Aggregate::Abort);
    assert_eq!(Aggregate::of([Some(Abort), None, Some(Pass)]), Aggregate::Missing);
    assert_eq!(Aggregate::of([None, Some(Fail), Some(Abort)]), Aggregate::Fail);
    assert_eq!(Aggregate::of([]), Aggregate::Pass);
}

#[test]
fn other_files_are_refused_with_their_fault() {
    let file = |modules: &str, versions: &str| {
        format!(
            "name: n\nuuid: u\nurl: h\nscripts: [{{executable: x, testcases: [{{id: a}}]}}]\nmodules: {modules}\ntimeline: []\nversions: {versions}\n"
        )
    };
    assert!(Catalogue::parse(&file("[]", "[]")).is_ok());
    let error = |modules, versions| Catalogue::parse(&file(modules, versions)).unwrap_err();
    assert!(
        matches!(error("[{id: m, name: m, url: u, targets: {main: [b]}}]", "[]"), CatalogueError::Dangling { id, .. } if id == "b")
    );
    assert!(matches!(
        error("[]", "[{version: v, include: [m]}]"),
        CatalogueError::Dangling { kind: "module", .. }
    ));
    assert!(matches!(
        error("[{id: m, name: m, url: u}, {id: m, name: m, url: u}]", "[]"),
        CatalogueError::Twice { .. }
    ));
    assert!(matches!(
        error("[{id: m, name: m, url: u, colour: red}]", "[]"),
        CatalogueError::Shape(_)
    ));
    assert!(Catalogue::parse("").is_err());
}

/// The official file is read as it is, and says the same but for the descriptions.
#[test]
#[ignore = "needs SCS_STANDARDS"]
fn the_official_file_says_the_same() {
    let folder = std::env::var_os("SCS_STANDARDS").expect("SCS_STANDARDS names a checkout of the standards");
    let path = std::path::Path::new(&folder).join("Tests/scs-compatible-iaas.yaml");
    let mut official = Catalogue::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut ours = Catalogue::embedded();
    for catalogue in [&mut official, &mut ours] {
        catalogue
            .testcases
            .iter_mut()
            .for_each(|testcase| testcase.description.clear());
        catalogue
            .modules
            .iter_mut()
            .for_each(|module| module.parameters.values_mut().for_each(String::clear));
    }
    assert_eq!(ours, official);
}
