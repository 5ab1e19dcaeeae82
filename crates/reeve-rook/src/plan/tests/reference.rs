//! The reference page has every kind of step, in words that come from the code.

use crate::plan::steps::StepInput;

#[test]
fn the_reference_lists_every_kind() {
    let page = include_str!("../../../../../docs/src/reference/plan.md");
    let table: String = StepInput::kinds()
        .iter()
        .map(|(kind, about)| format!("| `{kind}` | {about} |\n"))
        .collect();
    let (_, rest) = page
        .split_once("<!-- kinds: begin -->\n")
        .expect("the page has the mark where the table begins");
    let (found, _) = rest
        .split_once("<!-- kinds: end -->")
        .expect("the page has the mark where the table ends");
    let wanted = format!("| kind | what it does |\n|---|---|\n{table}");
    assert!(
        found == wanted,
        "the table in docs/src/reference/plan.md has to be\n{wanted}"
    );
}
