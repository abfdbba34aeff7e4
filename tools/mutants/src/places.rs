//! Finds the expression, arm or function around the text that a mutant replaces.
//!
//! cargo-mutants names the operator; a switch needs the whole expression with its operands.

use std::{collections::HashMap, ops::Range};

use anyhow::{Context, Result};
use proc_macro2::Span as TokenSpan;
use syn::{
    BinOp, Block, Expr, Signature, UnOp,
    spanned::Spanned,
    visit::{self, Visit},
};

use crate::list::{Genre, Mutant, Position, Span};

/// The place of a switch, in bytes of the file.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The text that the switch encloses; empty if it is inserted.
    pub(crate) at: Range<usize>,
    pub(crate) form: Form,
    /// The order of switches around the same text, outer ones first.
    pub(crate) order: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum Form {
    /// Operator between two operands: `(if on(1) { (left) new (right) } else { (left old right) })`.
    Operator {
        left: Range<usize>,
        right: Range<usize>,
    },
    /// Text within an expression that is deleted or replaced: `(if on(1) { (new) } else { (old) })`.
    Cut(Range<usize>),
    /// In front of the first statement of a function: `if on(1) { return value; }`.
    Body,
    /// Behind the pattern of an arm: `if !on(1)`.
    Arm,
}

/// The reason for which no switch can hold a mutant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NoSwitch {
    /// Rust does not allow `||` beside a `let`.
    Unviable,
    /// The compiler evaluates it: a constant, a static, a `const fn`, the length of an array.
    Constant,
    /// A function has one return type, which `impl Trait` hides.
    ImplTrait,
    /// The names that a `let` in a guard binds are used in the arm.
    LetGuard,
    /// The text is not found in the file.
    Unknown,
}

impl NoSwitch {
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Unviable => "an operator beside a `let`",
            Self::Constant => "a constant, a static or a `const fn`",
            Self::ImplTrait => "a function that returns `impl Trait`",
            Self::LetGuard => "a guard with a `let`",
            Self::Unknown => "this tool finds no such place in the file",
        }
    }
}

/// All places of a file.
pub(crate) struct Places(HashMap<(Genre, Span), Result<Place, NoSwitch>>);

impl Places {
    pub(crate) fn of(source: &str) -> Result<Self> {
        let file = syn::parse_file(source).context("cannot be parsed")?;
        let mut finder = Finder::default();
        finder.visit_file(&file);
        Ok(Self(finder.places))
    }

    pub(crate) fn find(&self, mutant: &Mutant) -> Result<&Place, NoSwitch> {
        match self.0.get(&(mutant.genre, mutant.span)) {
            Some(Ok(place)) => Ok(place),
            Some(Err(why)) => Err(*why),
            None => Err(NoSwitch::Unknown),
        }
    }
}

#[derive(Default)]
struct Finder {
    places: HashMap<(Genre, Span), Result<Place, NoSwitch>>,
    order: usize,
    /// Whether the compiler evaluates the code.
    constant: bool,
}

impl Finder {
    fn found(&mut self, genre: Genre, span: Span, place: Result<(Range<usize>, Form), NoSwitch>) {
        self.order += 1;
        let order = self.order;
        let place = match place {
            Err(why) => Err(why),
            Ok(_) if self.constant => Err(NoSwitch::Constant),
            Ok((at, form)) => Ok(Place { at, form, order }),
        };
        self.places.insert((genre, span), place);
    }

    fn function(&mut self, signature: &Signature, block: &Block) {
        let (Some(first), Some(last)) = (block.stmts.first(), block.stmts.last()) else {
            return;
        };
        let start = first.span().byte_range().start;
        let place = if returns_impl_trait(signature) {
            Err(NoSwitch::ImplTrait)
        } else {
            Ok((start..start, Form::Body))
        };
        let outer = self.enter(signature.constness.is_some());
        self.found(Genre::FnValue, between(first.span(), last.span()), place);
        self.constant = outer;
    }

    /// Sets whether the code that follows is constant, and returns the previous state.
    fn enter(&mut self, constant: bool) -> bool {
        std::mem::replace(&mut self.constant, constant)
    }
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block);
        let outer = self.enter(item.sig.constness.is_some());
        visit::visit_item_fn(self, item);
        self.constant = outer;
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
        let outer = self.enter(item.sig.constness.is_some());
        visit::visit_impl_item_fn(self, item);
        self.constant = outer;
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        let outer = self.enter(true);
        visit::visit_item_const(self, item);
        self.constant = outer;
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        let outer = self.enter(true);
        visit::visit_item_static(self, item);
        self.constant = outer;
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        let outer = self.enter(true);
        visit::visit_impl_item_const(self, item);
        self.constant = outer;
    }

    fn visit_trait_item_const(&mut self, item: &'ast syn::TraitItemConst) {
        let outer = self.enter(true);
        visit::visit_trait_item_const(self, item);
        self.constant = outer;
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        let outer = self.enter(true);
        visit::visit_variant(self, variant);
        self.constant = outer;
    }

    fn visit_type(&mut self, type_: &'ast syn::Type) {
        let outer = self.enter(true);
        visit::visit_type(self, type_);
        self.constant = outer;
    }

    fn visit_generic_argument(&mut self, argument: &'ast syn::GenericArgument) {
        let outer = self.enter(true);
        visit::visit_generic_argument(self, argument);
        self.constant = outer;
    }

    fn visit_pat(&mut self, pattern: &'ast syn::Pat) {
        let outer = self.enter(true);
        visit::visit_pat(self, pattern);
        self.constant = outer;
    }

    fn visit_expr_const(&mut self, block: &'ast syn::ExprConst) {
        let outer = self.enter(true);
        visit::visit_expr_const(self, block);
        self.constant = outer;
    }

    fn visit_expr_repeat(&mut self, array: &'ast syn::ExprRepeat) {
        self.visit_expr(&array.expr);
        let outer = self.enter(true);
        self.visit_expr(&array.len);
        self.constant = outer;
    }

    // A closure in a static runs later.
    fn visit_expr_closure(&mut self, closure: &'ast syn::ExprClosure) {
        let outer = self.enter(closure.constness.is_some());
        visit::visit_expr_closure(self, closure);
        self.constant = outer;
    }

    fn visit_expr_binary(&mut self, binary: &'ast syn::ExprBinary) {
        let place = if has_let(&binary.left) || has_let(&binary.right) {
            Err(NoSwitch::Unviable)
        } else {
            let (left, right) = (
                binary.left.span().byte_range(),
                binary.right.span().byte_range(),
            );
            Ok((left.start..right.end, Form::Operator { left, right }))
        };
        self.found(Genre::BinaryOperator, span(binary.op.span()), place);
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_unary(&mut self, unary: &'ast syn::ExprUnary) {
        let operator = unary.op.span();
        let place = (
            operator.byte_range().start..unary.expr.span().byte_range().end,
            Form::Cut(operator.byte_range()),
        );
        self.found(Genre::UnaryOperator, span(operator), Ok(place));
        visit::visit_expr_unary(self, unary);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        if let Some((_, guard)) = &arm.guard {
            let at = guard.span().byte_range();
            let place = if has_let(guard) {
                Err(NoSwitch::LetGuard)
            } else {
                Ok((at.clone(), Form::Cut(at)))
            };
            self.found(Genre::MatchArmGuard, span(guard.span()), place);
        } else {
            let end = arm.pat.span().byte_range().end;
            self.found(Genre::MatchArm, span(arm.span()), Ok((end..end, Form::Arm)));
        }
        visit::visit_arm(self, arm);
    }

    fn visit_expr_struct(&mut self, literal: &'ast syn::ExprStruct) {
        for pair in literal.fields.pairs() {
            let field = pair.value().span();
            let end = pair.punct().map_or(field, Spanned::span);
            let cut = field.byte_range().start..end.byte_range().end;
            let place = (literal.span().byte_range(), Form::Cut(cut));
            self.found(Genre::StructField, between(field, end), Ok(place));
        }
        visit::visit_expr_struct(self, literal);
    }
}

/// Whether there is a `let` in a chain of conditions: it is not an expression, so no switch can enclose it.
fn has_let(expression: &Expr) -> bool {
    match expression {
        Expr::Let(_) => true,
        Expr::Binary(binary) if matches!(binary.op, BinOp::And(_) | BinOp::Or(_)) => {
            has_let(&binary.left) || has_let(&binary.right)
        }
        Expr::Unary(unary) if matches!(unary.op, UnOp::Not(_)) => has_let(&unary.expr),
        _ => false,
    }
}

fn returns_impl_trait(signature: &Signature) -> bool {
    struct Search(bool);
    impl<'ast> Visit<'ast> for Search {
        fn visit_type_impl_trait(&mut self, _: &'ast syn::TypeImplTrait) {
            self.0 = true;
        }
    }
    let mut search = Search(false);
    search.visit_return_type(&signature.output);
    search.0
}

fn span(token: TokenSpan) -> Span {
    between(token, token)
}

fn between(first: TokenSpan, last: TokenSpan) -> Span {
    let (start, end) = (first.start(), last.end());
    Span {
        start: Position {
            line: start.line,
            column: start.column + 1,
        },
        end: Position {
            line: end.line,
            column: end.column + 1,
        },
    }
}
