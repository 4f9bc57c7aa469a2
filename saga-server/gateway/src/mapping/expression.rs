//! An expression in CEL: checked when it is read, and bounded when it runs.
//!
//! CEL has no loops but those over the elements of a list or map. An expression is short, nests no loop in another, and sees
//! only lists of a bounded length, so that it ends soon whatever the document holds.

use std::thread;

use cel::{
    Context, ExecutionError, Program, Value,
    common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue},
};

use super::no_value::without_values;

/// The longest expression, in bytes.
const MAX_BYTES: usize = 2_000;

/// How many brackets may be open at one place, and how many parts may stand within each other: reading and running an expression
/// goes down into it by recursion. A part takes up to 38 KiB of the stack in a debug build, of which a thread of a server has 2 MiB
/// for this and for what calls it.
const MAX_OPEN: usize = 20;
const MAX_DEPTH: usize = 24;

/// The stack for reading one. What is too deep is known only when it was parsed.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// The variables that expressions see.
pub(super) const VARIABLES: [&str; 3] = ["event", "attributes", "resource"];

/// The functions that expressions may call, beside operators and the loops.
const FUNCTIONS: [&str; 16] = [
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "int",
    "uint",
    "double",
    "string",
    "bool",
    "bytes",
    "type",
    "dyn",
    "min",
    "max",
    JSON,
];

/// Our own, which reads a text: all of it each time, so that no loop may call it.
pub(super) const JSON: &str = "json";

/// The function whose pattern must be known when the expression is read.
const MATCHES: &str = "matches";

/// A checked expression.
#[derive(Debug)]
pub(super) struct Expression {
    program: Program,
    /// The fields that it selects of `event`, one below the other, when it does nothing else.
    path: Option<Vec<String>>,
}

/// Why a text is no expression, and at which of its columns, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ExpressionError {
    pub(super) column: usize,
    pub(super) reason: String,
}

impl Expression {
    pub(super) fn new(source: &str) -> Result<Self, ExpressionError> {
        let at_start = |reason: String| ExpressionError { column: 1, reason };
        if source.len() > MAX_BYTES {
            return Err(at_start(format!("an expression has at most {MAX_BYTES} bytes")));
        }
        if let Some(column) = too_many_open(source) {
            let reason = format!("at most {MAX_OPEN} brackets may be open");
            return Err(ExpressionError { column, reason });
        }
        thread::scope(|scope| {
            let reading = thread::Builder::new()
                .stack_size(STACK_BYTES)
                .spawn_scoped(scope, || Self::read(source))
                .map_err(|error| at_start(format!("cannot be read: {error}")))?;
            let read = reading.join();
            read.unwrap_or_else(|_| Err(at_start("is no expression".to_owned())))
        })
    }

    fn read(source: &str) -> Result<Self, ExpressionError> {
        let at_start = |reason: String| ExpressionError { column: 1, reason };
        let program = Program::compile(source).map_err(|errors| {
            errors.errors.first().map_or_else(
                || at_start("is no expression".to_owned()),
                |error| ExpressionError {
                    column: usize::try_from(error.pos.1).unwrap_or(1).max(1),
                    reason: error.msg.lines().next().unwrap_or_default().to_owned(),
                },
            )
        })?;
        let mut check = Check {
            own: Vec::new(),
            loops: 0,
            depth: 0,
        };
        check
            .expression(program.expression())
            .map_err(|(id, reason)| ExpressionError {
                column: program
                    .source_info()
                    .offset_for(id)
                    .map_or(1, |(start, _)| start as usize + 1),
                reason,
            })?;
        let path = path(&program.expression().expr);
        Ok(Self { program, path })
    }

    /// The fields that it selects of `event`, when it does nothing else.
    pub(super) fn path(&self) -> Option<&[String]> {
        self.path.as_deref()
    }

    /// Its value; `None` when it asks for a field that is not there.
    pub(super) fn value(&self, context: &Context<'_, '_>) -> Result<Option<Value>, String> {
        match self.program.execute(context) {
            Ok(Value::Null) | Err(ExecutionError::NoSuchKey(_)) => Ok(None),
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(without_values(&error)),
        }
    }
}

/// The column of the bracket that is one too many. Those within a text count as well.
fn too_many_open(source: &str) -> Option<usize> {
    let mut open = 0_usize;
    source
        .bytes()
        .position(|byte| {
            match byte {
                b'(' | b'[' | b'{' => open += 1,
                b')' | b']' | b'}' => open = open.saturating_sub(1),
                _ => {}
            }
            open > MAX_OPEN
        })
        .map(|place| place + 1)
}

/// `event.a.b`, or `event['a'].b`, as names.
fn path(expression: &Expr) -> Option<Vec<String>> {
    match expression {
        Expr::Ident(name) if name == VARIABLES[0] => Some(Vec::new()),
        Expr::Select(select) if !select.test => {
            let mut fields = path(&select.operand.expr)?;
            fields.push(select.field.clone());
            Some(fields)
        }
        _ => None,
    }
}

/// What is wrong, at which part of the expression.
type Problem = (u64, String);

struct Check<'a> {
    /// Variables of loops that are being checked.
    own: Vec<&'a str>,
    loops: usize,
    /// How many parts the one that is being checked stands within.
    depth: usize,
}

impl<'a> Check<'a> {
    fn expression(&mut self, part: &'a IdedExpr) -> Result<(), Problem> {
        if self.depth == MAX_DEPTH {
            let reason =
                format!("at most {MAX_DEPTH} operators, calls and fields may stand within each other");
            return Err((part.id, reason));
        }
        self.depth += 1;
        let checked = self.part(part);
        self.depth -= 1;
        checked
    }

    fn part(&mut self, part: &'a IdedExpr) -> Result<(), Problem> {
        match &part.expr {
            Expr::Unspecified | Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.variable(name).map_err(|reason| (part.id, reason)),
            Expr::Select(select) => self.expression(&select.operand),
            Expr::Call(call) => self.call(part.id, call),
            Expr::Comprehension(comprehension) => self.comprehension(part.id, comprehension),
            Expr::List(list) => list
                .elements
                .iter()
                .try_for_each(|element| self.expression(element)),
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.expression(&entry.key)?;
                    self.expression(&entry.value)
                }
                EntryExpr::StructField(field) => self.expression(&field.value),
            }),
            Expr::Struct(_) => Err((part.id, "messages cannot be made here".to_owned())),
        }
    }

    fn variable(&self, name: &str) -> Result<(), String> {
        match VARIABLES.contains(&name) || self.own.contains(&name) {
            true => Ok(()),
            false => Err(format!(
                "there is no variable {name:?}; there are {}",
                VARIABLES.join(", ")
            )),
        }
    }

    fn call(&mut self, id: u64, call: &'a CallExpr) -> Result<(), Problem> {
        let name = call.func_name.as_str();
        let is_operator = !name.starts_with(|first: char| first.is_ascii_alphabetic());
        if !is_operator && !FUNCTIONS.contains(&name) {
            return Err((id, format!("there is no function {name:?}")));
        }
        if name == JSON && self.loops > 0 {
            return Err((id, format!("{JSON} must not stand in a loop")));
        }
        if name == MATCHES {
            pattern(call).map_err(|reason| (id, reason))?;
        }
        if let Some(target) = &call.target {
            self.expression(target)?;
        }
        call.args
            .iter()
            .try_for_each(|argument| self.expression(argument))
    }

    fn comprehension(&mut self, id: u64, part: &'a ComprehensionExpr) -> Result<(), Problem> {
        if self.loops > 0 {
            return Err((id, "a loop over a list must not stand in another one".to_owned()));
        }
        // A loop over what another one gave runs after it.
        self.expression(&part.iter_range)?;
        self.loops += 1;
        let before = self.own.len();
        let names = [
            Some(part.iter_var.as_str()),
            part.iter_var2.as_deref(),
            Some(&part.accu_var),
        ];
        self.own.extend(names.into_iter().flatten());
        for inner in [&part.accu_init, &part.loop_cond, &part.loop_step, &part.result] {
            self.expression(inner)?;
        }
        self.own.truncate(before);
        self.loops -= 1;
        Ok(())
    }
}

/// A pattern that comes with a document could be made to take long; one that is wrong would fail each time.
fn pattern(call: &CallExpr) -> Result<(), String> {
    let Some(Expr::Literal(LiteralValue::String(_))) = call.args.last().map(|argument| &argument.expr) else {
        return Err("the pattern of matches must be written out".to_owned());
    };
    let trial = CallExpr {
        target: Some(Box::new(IdedExpr {
            id: 1,
            expr: Expr::Literal(LiteralValue::String(String::new().into())),
        })),
        ..call.clone()
    };
    let trial = IdedExpr {
        id: 2,
        expr: Expr::Call(CallExpr {
            args: trial.args.into_iter().rev().take(1).collect(),
            target: trial.target,
            func_name: trial.func_name,
        }),
    };
    match Value::resolve(&trial, &Context::default()) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("the pattern is wrong: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(source: &str) -> (usize, String) {
        let error = Expression::new(source).unwrap_err();
        (error.column, error.reason)
    }

    #[test]
    fn what_is_wrong_is_found_with_its_column() {
        assert_eq!(
            refused("event.a == evnt.b"),
            (
                12,
                "there is no variable \"evnt\"; there are event, attributes, resource".to_owned()
            )
        );
        assert_eq!(refused("event.a.frob()").1, "there is no function \"frob\"");
        assert_eq!(refused("event.a ==").0, 11);
        assert!(refused(&"a".repeat(2_001)).1.contains("at most 2000 bytes"));
    }

    #[test]
    fn what_could_run_long_is_refused() {
        let nested = "event.a.map(x, event.a.map(y, x + y))";
        assert_eq!(
            refused(nested).1,
            "a loop over a list must not stand in another one"
        );
        assert_eq!(
            refused("event.a.matches(event.b)").1,
            "the pattern of matches must be written out"
        );
        assert_eq!(
            refused("event.a.map(x, json(event.b))").1,
            "json must not stand in a loop"
        );
        assert!(
            refused("event.a.matches('(')")
                .1
                .starts_with("the pattern is wrong")
        );
    }

    #[test]
    fn what_is_too_deep_is_refused_before_it_takes_the_stack() {
        let open = "(".repeat(1_000);
        assert_eq!(refused(&open), (21, "at most 20 brackets may be open".to_owned()));
        for deep in [
            format!("1{}", "+1".repeat(900)),
            format!("event{}", ".a".repeat(900)),
            format!("event{}", "[0]".repeat(600)),
            format!("{}true", "!".repeat(1_900)),
            format!("{}1", "-".repeat(1_900)),
            format!("{}1", "true?1:".repeat(280)),
            format!("event.a{}", ".size()".repeat(250)),
        ] {
            // What the parser makes shorter is taken.
            if let Ok(expression) = Expression::new(&deep) {
                let _ = expression.value(&Context::default());
            }
        }
        assert!(
            refused(&format!("1{}", "+1".repeat(900)))
                .1
                .starts_with("at most 24")
        );
    }

    #[test]
    fn loops_conditions_and_functions_are_taken() {
        for source in [
            "event.lines.filter(line, line.qty > 0).size() == 2",
            "event.name.matches('^order-[0-9]+$')",
            "has(event.a) ? event.a : 'none'",
            "event.items.exists(i, i.sku == 'piano') && event.total >= 10.5",
            "string(event.id) + '-' + attributes['messaging.id']",
            "{'a': [1, 2]}",
            "json(event.details).lines.exists(line, line.sku == 'piano')",
        ] {
            assert!(
                Expression::new(source).is_ok(),
                "{source}: {:?}",
                Expression::new(source)
            );
        }
    }

    #[test]
    fn a_plain_selection_is_known_as_such() {
        let path = |source| Expression::new(source).unwrap().path().map(<[String]>::to_vec);
        assert_eq!(path("event.a.b"), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(path("event.a + 1"), None);
        assert_eq!(path("has(event.a)"), None);
    }
}
