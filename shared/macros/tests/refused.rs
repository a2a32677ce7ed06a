//! What is no tool is refused in words that say how to mend it.

#[test]
fn faults_are_named_where_they_stand() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/refused/*.rs");
}
