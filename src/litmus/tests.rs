//! Laws of the notation over generated trees.

use super::{from_json, hash, parse, render, to_json};
use crate::kernel::{Version, VersionRange};
use crate::program::{FUNCTIONS, resolve, syntax::*};
use proptest::{collection::vec, option, prelude::*};

fn name() -> impl Strategy<Value = Ident> {
    "[a-zA-Z_][a-zA-Z0-9_]{0,6}"
        .prop_filter("keywords and functions are no names", |name| {
            !super::parse::KEYWORDS.contains(&name.as_str()) && !FUNCTIONS.contains(&name.as_str())
        })
        .prop_map(Ident::from)
}

fn span() -> Span {
    Span::default()
}

fn path() -> impl Strategy<Value = Path> {
    let step = prop_oneof![name().prop_map(PathStep::Field), (0u32..9).prop_map(PathStep::Index)];
    (name(), vec(step, 0..3)).prop_map(|(root, steps)| Path { root, steps })
}

fn task_ref() -> impl Strategy<Value = TaskRef> {
    (name(), option::of(0u32..9)).prop_map(|(name, index)| TaskRef { name, index })
}

fn call_of(args: impl Strategy<Value = Expr>, name: impl Strategy<Value = Ident>) -> impl Strategy<Value = CallExpr> {
    let arg = (option::of(self::name()), args).prop_map(|(name, value)| Arg { name, value });
    (name, vec(arg, 0..3)).prop_map(|(name, args)| CallExpr { name, args, span: span() })
}

fn expr() -> impl Strategy<Value = Expr> {
    let op = prop::sample::select(vec![
        BinOp::Or,
        BinOp::And,
        BinOp::Eq,
        BinOp::Ne,
        BinOp::Lt,
        BinOp::Ge,
        BinOp::BitOr,
        BinOp::Add,
        BinOp::Sub,
        BinOp::Mul,
    ]);
    let leaf = prop_oneof![
        prop_oneof![any::<i64>(), 0i64..9, Just(i64::MIN)].prop_map(ExprKind::Int),
        vec(any::<u8>(), 0..6).prop_map(ExprKind::Str),
        r#"[a-z"\\ \né]{0,6}"#.prop_map(|text| ExprKind::Str(text.into_bytes())),
        path().prop_map(ExprKind::Path),
        (task_ref(), option::of(name())).prop_map(|(who, call)| ExprKind::Asleep { who, call }),
    ]
    .prop_map(|kind| Expr { kind, span: span() });
    leaf.prop_recursive(5, 24, 3, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(ExprKind::List),
            vec((inner.clone(), inner.clone(), any::<bool>(), any::<bool>()), 1..3).prop_map(|sops| {
                let sop = |(semnum, op, undo, nowait)| ExprKind::SemOp {
                    semnum: Box::new(semnum),
                    op: Box::new(op),
                    undo,
                    nowait,
                };
                ExprKind::List(sops.into_iter().map(|s| Expr { kind: sop(s), span: span() }).collect())
            }),
            inner.clone().prop_map(|e| ExprKind::Neg(Box::new(e))),
            inner.clone().prop_map(|e| ExprKind::Not(Box::new(e))),
            (op.clone(), inner.clone(), inner.clone()).prop_map(|(op, left, right)| ExprKind::Binary {
                op,
                left: Box::new(left),
                right: Box::new(right)
            }),
            (any::<bool>(), name(), name(), inner.clone()).prop_map(|(all, var, over, body)| ExprKind::Quantified {
                all,
                var,
                over,
                body: Box::new(body)
            }),
            call_of(inner, name()).prop_map(ExprKind::Call),
        ]
        .prop_map(|kind| Expr { kind, span: span() })
    })
}

fn block() -> impl Strategy<Value = Block> {
    let function = prop::sample::select(&FUNCTIONS[..]).prop_map(Ident::from);
    let value = prop_oneof![
        expr().prop_filter("a call to the right of `=` is a statement", |e| !matches!(e.kind, ExprKind::Call(_))),
        call_of(expr(), function).prop_map(|call| Expr { kind: ExprKind::Call(call), span: span() }),
    ]
    .boxed();
    let simple = prop_oneof![
        (option::of(name()), call_of(expr(), name()), option::of(expr()))
            .prop_map(|(dest, call, expect)| StmtKind::Call { dest, call, expect }),
        (name(), value.clone()).prop_map(|(dest, value)| StmtKind::Assign { dest, value }),
        (name(), expr(), value).prop_map(|(memory, at, data)| StmtKind::Store { memory, at, data }),
        expr().prop_map(StmtKind::Assert),
    ]
    .prop_map(|kind| Stmt { kind, span: span() });
    let stmt = simple.prop_recursive(3, 8, 3, |inner| {
        let block = vec(inner, 0..3);
        prop_oneof![
            (expr(), block.clone(), option::of(block.clone())).prop_map(|(cond, then, otherwise)| StmtKind::If {
                cond,
                then,
                otherwise
            }),
            (expr(), block.clone()).prop_map(|(cond, body)| StmtKind::While { cond, body }),
            (expr(), block).prop_map(|(count, body)| StmtKind::Repeat { count, body }),
        ]
        .prop_map(|kind| Stmt { kind, span: span() })
    });
    vec(stmt, 0..4)
}

fn range() -> impl Strategy<Value = VersionRange> {
    let version = |major| (0u16..30, 0u16..3).prop_map(move |(minor, patch)| Version { major, minor, patch });
    (option::of(version(5)), option::of(version(6))).prop_map(|(from, until)| VersionRange { from, until })
}

fn item() -> impl Strategy<Value = Item> {
    let dashed = "fs\\.[a-z]{1,4}(-[a-z0-9]{1,3}){0,2}".prop_map(Ident::from);
    let setting = prop_oneof![
        (dashed.clone(), expr()).prop_map(|(name, value)| Setting::Set { name, value }),
        name().prop_map(Setting::Cap),
        range().prop_map(|range| Setting::Kernel { range, span: span() }),
        dashed.prop_map(Setting::Quirk),
        name().prop_map(Setting::Memory),
    ];
    let arg = (option::of(name()), expr()).prop_map(|(name, value)| Arg { name, value });
    let kind = prop::sample::select(ObjectKind::ALL.iter().map(|&(_, kind)| kind).collect::<Vec<_>>());
    let object = (kind, name(), option::of(1..5u32), vec(arg, 0..3)).prop_map(|(kind, name, count, options)| {
        let count = count.filter(|_| kind == ObjectKind::Sem);
        Object { kind, name, count, options }
    });
    let threads = vec((name(), block()).prop_map(|(name, block)| Thread { name, block }), 1..3);
    let body = prop_oneof![block().prop_map(Body::Single), threads.prop_map(Body::Threads)];
    let clauses = (vec(path(), 0..3), option::of(name()), option::of(0u32..9));
    let handler = (name(), option::of(name()), block()).prop_map(|(name, info, block)| Handler { name, info, block });
    let process = (name(), option::of(0u32..9), clauses, vec(handler, 0..2), body).prop_map(
        |(name, count, (holds, child_of, user), handlers, body)| Process {
            name,
            count,
            holds,
            child_of,
            user,
            handlers,
            body,
        },
    );
    let property = prop_oneof![
        expr().prop_map(PropertyKind::Exists),
        expr().prop_map(PropertyKind::Forbid),
        expr().prop_map(PropertyKind::Final),
        expr().prop_map(PropertyKind::Always),
        vec(expr(), 1..3).prop_map(PropertyKind::Show),
        Just(PropertyKind::AllowDeadlock),
        Just(PropertyKind::AllowLostWakeup),
        task_ref().prop_map(PropertyKind::AllowAsleep),
    ];
    let property = (option::of(range()), property).prop_map(|(on, kind)| Property { on, kind, span: span() });
    let what = prop_oneof![
        Just(EventKind::Any),
        expr().prop_map(EventKind::Returns),
        option::of(name()).prop_map(EventKind::Asleep),
        option::of(expr()).prop_map(EventKind::Exits),
        option::of(expr()).prop_map(EventKind::Killed),
        Just(EventKind::Stopped),
        name().prop_map(EventKind::Runs),
    ];
    let events = vec((task_ref(), what).prop_map(|(who, what)| Event { who, what }), 1..3);
    let line = prop_oneof![
        (any::<bool>(), events).prop_map(|(hold, events)| LineKind::Release { hold, events }),
        (task_ref(), proptest::option::of(0..8u8)).prop_map(|(who, timer)| LineKind::Expire { who, timer }),
        expr().prop_map(LineKind::Probe),
    ]
    .prop_map(|kind| Line { kind, span: span() });
    let schedule = (option::of(range()), option::of("[a-zé\"\n]{0,5}"), vec(line, 0..3))
        .prop_map(|(on, title, lines)| Schedule { on, title, lines, span: span() });
    prop_oneof![
        vec(setting, 1..3).prop_map(Item::With),
        object.prop_map(Item::Object),
        block().prop_map(Item::Init),
        process.prop_map(Item::Process),
        property.prop_map(Item::Property),
        schedule.prop_map(Item::Schedule),
    ]
}

fn program() -> impl Strategy<Value = Program> {
    let comment = "([a-z/]( {0,2}[a-zé/:]){0,4})?";
    ("[a-zé\"\\\\\n ]{0,8}", vec(comment, 0..3), vec(item(), 0..4)).prop_map(|(name, comments, items)| Program {
        name,
        comments,
        items,
    })
}

/// Pieces of the notation in any order, to get deep into the parser.
fn soup() -> impl Strategy<Value = String> {
    let pieces = vec![
        "litmus \"t\"\n",
        "pipe p",
        "task T",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "\n",
        ";",
        "if ",
        "else",
        "while ",
        "read",
        "x",
        " = ",
        "==",
        "&&",
        "||",
        "!",
        "-",
        "\"s\\x4",
        "\"ok\"",
        "0x",
        "1K",
        "9999999999999999999",
        "v6.1",
        "..",
        "on ",
        "schedule ",
        "exists ",
        "->",
        "+",
        "asleep",
        " in ",
        "all w in ",
        ":",
        ",",
        ".",
        "thread ",
        "expire ",
        "allow ",
        "with ",
        "é",
        "//",
    ];
    vec(prop::sample::select(pieces), 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn printing_and_parsing_is_the_identity(program in program()) {
        let text = program.to_string();
        let parsed = parse(&text).map_err(|problems| TestCaseError::fail(render(&problems, "t", &text, false)))?;
        prop_assert_eq!(&parsed, &program, "{}", text);
        prop_assert_eq!(parsed.to_string(), text);
        // Whether it makes sense is another question, but one with an answer.
        let _ = resolve(&program);
    }

    #[test]
    fn json_is_the_same_tree(program in program()) {
        let json = to_json(&program).unwrap();
        prop_assert_eq!(from_json(&json).map_err(|e| TestCaseError::fail(format!("{e}: {json}")))?, program);
    }

    #[test]
    fn no_text_is_too_strange(text in any::<String>(), soup in soup()) {
        for text in [text, soup] {
            if let Err(problems) = parse(&text) {
                prop_assert!(!problems.is_empty());
                prop_assert!(!render(&problems, "t", &text, true).is_empty());
            }
        }
    }
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    for (open, close) in [("(", ")"), ("-", ""), ("!", ""), ("[", "]"), ("len(", ")"), ("all w in a: ", "")] {
        let text = format!("litmus \"t\"\nexists {}1{}", open.repeat(100_000), close.repeat(100_000));
        let problems = parse(&text).unwrap_err();
        assert_eq!(problems[0].message, "nested too deeply");
    }
    let text = format!("litmus \"t\"\ntask T {}", "{ if 1 ".repeat(100_000));
    assert!(parse(&text).is_err());
    let text = format!("litmus \"t\"\nexists 1{}", " + 1".repeat(100_000));
    assert_eq!(parse(&text).unwrap_err()[0].message, "this expression is too long");
}

#[test]
fn the_hash_ignores_layout_and_remarks() {
    let a = parse("// a remark\nlitmus \"t\"\npipe p(size: 4K)").unwrap();
    let b = parse("litmus \"t\"; pipe p ( size :\n4096 ) // another").unwrap();
    assert_eq!(hash(&a), hash(&b));
    assert_ne!(hash(&a), hash(&parse("litmus \"t\"\npipe q(size: 4K)").unwrap()));
}

#[test]
fn numbers_have_units_and_bases() {
    let value = |text: &str| match &parse(&format!("litmus \"t\"\nexists {text}")).map(|p| p.items) {
        Ok(items) => match &items[0] {
            Item::Property(Property { kind: PropertyKind::Exists(Expr { kind: ExprKind::Int(n), .. }), .. }) => *n,
            other => panic!("{text}: {other:?}"),
        },
        Err(problems) => panic!("{text}: {problems:?}"),
    };
    assert_eq!(value("10 ms"), 10_000);
    assert_eq!(value("10us"), 10);
    assert_eq!(value("2s"), 2_000_000);
    assert_eq!(value("64K"), 65_536);
    assert_eq!(value("0x1_0000"), 65_536);
    assert_eq!(value("010600"), 0o10600);
    assert_eq!(value("-9223372036854775808"), i64::MIN);
}

#[test]
fn json_carries_the_longest_expression() {
    let program = parse(&format!("litmus \"t\"\nexists 1{}", " + 1".repeat(500))).unwrap();
    assert_eq!(from_json(&to_json(&program).unwrap()).unwrap(), program);
    let hostile = format!("{{\"name\": \"t\", \"items\": {}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(from_json(&hostile).is_err());
}
