//! What can be read is printed, and reading that gives the same tree, the same text, and the same JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lockstep::{
    generate::{self, Bytes, MECHANISMS, Shape},
    litmus,
    program::syntax::Program,
};

fn holds(tree: &Program) {
    let printed = tree.to_string();
    let again = litmus::parse(&printed).unwrap_or_else(|problems| panic!("{problems:?}\n{printed}"));
    assert_eq!(&again, tree, "{printed}");
    assert_eq!(again.to_string(), printed);
    let json = litmus::to_json(tree).expect("a program can be written");
    assert_eq!(&litmus::from_json(&json).expect("what was written can be read"), tree);
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(tree) = litmus::parse(text)
    {
        return holds(&tree);
    }
    holds(&generate::program("fuzz".into(), MECHANISMS, &Shape::default(), &mut Bytes::new(bytes)));
});
