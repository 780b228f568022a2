//! Puts all mutants of a source into it at once, each behind its number: `crate::mutant()` says which one is alive. So
//! they are compiled once, and not one by one (Untch, Offutt, Harrold 1993).
//!
//! Reads the names of mutants to leave out, rewrites the files that are named, and prints the name of each mutant, the
//! first of which has number 1. The changes are those that cargo-mutants knows, but for fields of structs.

use proc_macro2::Span;
use quote::{ToTokens, quote};
use std::collections::HashSet;
use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, BinOp, Block, Expr, Pat, ReturnType, Signature, Type, UnOp, parse_quote};

/// What is there for planted bugs alone, by name: what a flawed node asks for, and a sound one never.
const FLAWED: [&str; 4] = ["excuses_older_term", "voters_with_flaws", "record_again", "grants"];

fn main() {
    let left_out = std::io::stdin().lines().map(|line| line.expect("names are text")).collect();
    let mut mutants = Mutants { left_out, ..Mutants::default() };
    for path in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&path).expect("the source can be read");
        let mut file = syn::parse_file(&text).expect("the source is Rust");
        mutants.file = path.clone();
        mutants.visit_file_mut(&mut file);
        std::fs::write(&path, file.into_token_stream().to_string()).expect("the source can be written");
    }
    mutants.names.iter().for_each(|name| println!("{name}"));
}

#[derive(Default)]
struct Mutants {
    left_out: HashSet<String>,
    names: Vec<String>,
    file: String,
    function: String,
}

impl Mutants {
    /// The number of a mutant that changes what begins at `span`, unless it is left out.
    fn number(&mut self, span: Span, change: &str) -> Option<u32> {
        let start = span.start();
        let place = format!("{}:{}:{}", self.file, start.line, start.column + 1);
        let name = format!("{place}: {} in {}", change, self.function);
        if self.left_out.contains(&name) {
            return None;
        }
        self.names.push(name);
        Some(u32::try_from(self.names.len()).expect("there are not so many"))
    }

    /// `original`, or what one of the changes makes of it.
    fn alternatives(&mut self, span: Span, original: &Expr, changes: Vec<(String, Expr)>) -> Expr {
        let arms = changes.into_iter().filter_map(|(change, changed)| {
            let number = self.number(span, &change)?;
            Some(quote! { #number => #changed, })
        });
        let arms: Vec<_> = arms.collect();
        if arms.is_empty() {
            return original.clone();
        }
        parse_quote! { (match crate::mutant() { #(#arms)* _ => #original }) }
    }

    /// A function that does nothing, and returns something plain.
    fn function(&mut self, attributes: &[Attribute], signature: &Signature, block: &mut Block) {
        let name = signature.ident.to_string();
        if signature.constness.is_some()
            || FLAWED.contains(&&*name)
            || is_test(attributes)
            || block.stmts.is_empty()
        {
            return;
        }
        let outer = std::mem::replace(&mut self.function, name);
        self.visit_block_mut(block);
        for value in plain(&signature.output) {
            let change = format!("return {}", value.to_token_stream());
            if let Some(number) = self.number(block.brace_token.span.open(), &change) {
                block.stmts.insert(0, parse_quote! { if crate::mutant() == #number { return #value; } });
            }
        }
        self.function = outer;
    }
}

impl VisitMut for Mutants {
    fn visit_item_mod_mut(&mut self, module: &mut syn::ItemMod) {
        if !is_test(&module.attrs) {
            visit_mut::visit_item_mod_mut(self, module);
        }
    }

    fn visit_item_fn_mut(&mut self, item: &mut syn::ItemFn) {
        self.function(&item.attrs, &item.sig, &mut item.block);
    }

    fn visit_impl_item_fn_mut(&mut self, item: &mut syn::ImplItemFn) {
        self.function(&item.attrs, &item.sig, &mut item.block);
    }

    // Nothing runs in a constant or in a type.
    fn visit_item_const_mut(&mut self, _: &mut syn::ItemConst) {}
    fn visit_type_mut(&mut self, _: &mut Type) {}

    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        match expression {
            Expr::Binary(binary) if matches!(binary.op, BinOp::And(_)) && has_let(binary) => {
                visit_mut::visit_expr_mut(self, expression);
            }
            Expr::Binary(binary) => {
                // What stands beside a flaw that is not planted decides nothing.
                if !(matches!(binary.op, BinOp::And(_)) && (is_flaw(&binary.left) || is_flaw(&binary.right)))
                {
                    self.visit_expr_mut(&mut binary.left);
                    self.visit_expr_mut(&mut binary.right);
                }
                let operator = binary.op;
                let changes = others(&operator).into_iter().map(|other| {
                    let change = format!("{} for {}", other.to_token_stream(), operator.to_token_stream());
                    (change, Expr::Binary(syn::ExprBinary { op: other, ..binary.clone() }))
                });
                let changes = changes.collect();
                let original = expression.clone();
                *expression = self.alternatives(operator.span(), &original, changes);
            }
            Expr::Unary(syn::ExprUnary { op: UnOp::Not(not), expr, .. }) => {
                let span = not.span();
                self.visit_expr_mut(expr);
                let changes = vec![("no !".to_string(), (**expr).clone())];
                let original = expression.clone();
                *expression = self.alternatives(span, &original, changes);
            }
            Expr::If(branch) if is_flaw(&branch.cond) => {
                // A sound node comes to the other branch alone.
                if let Some((_, other)) = &mut branch.else_branch {
                    self.visit_expr_mut(other);
                }
            }
            Expr::Match(_) => {
                visit_mut::visit_expr_mut(self, expression);
                let Expr::Match(chosen) = expression else { unreachable!("it was one") };
                let total =
                    chosen.arms.iter().any(|arm| arm.guard.is_none() && matches!(arm.pat, Pat::Wild(_)));
                for arm in &mut chosen.arms {
                    let span = arm.pat.span();
                    if let Some((_, guard)) = &mut arm.guard {
                        let mut changes = vec![("guard true".to_string(), parse_quote! { true })];
                        if !is_flaw(guard) {
                            changes.push(("guard false".to_string(), parse_quote! { false }));
                        }
                        let guard: &mut Expr = guard;
                        *guard = self.alternatives(span, &guard.clone(), changes);
                    } else if total
                        && !matches!(arm.pat, Pat::Wild(_))
                        && let Some(number) = self.number(span, "no arm")
                    {
                        let guard: Expr = parse_quote! { crate::mutant() != #number };
                        arm.guard = Some((Default::default(), Box::new(guard)));
                    }
                }
            }
            _ => visit_mut::visit_expr_mut(self, expression),
        }
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        path.is_ident("test")
            || path.is_ident("cfg") && attribute.to_token_stream().to_string().contains("test")
    })
}

/// Whether a condition holds only if a flaw is planted.
fn is_flaw(condition: &Expr) -> bool {
    match condition {
        Expr::MethodCall(call) => call.method == "has",
        Expr::Paren(inner) => is_flaw(&inner.expr),
        Expr::Binary(binary) => match binary.op {
            BinOp::And(_) => is_flaw(&binary.left) || is_flaw(&binary.right),
            BinOp::Or(_) => is_flaw(&binary.left) && is_flaw(&binary.right),
            _ => false,
        },
        _ => false,
    }
}

/// Whether a `let` stands among what a chain of `&&` joins.
fn has_let(chain: &syn::ExprBinary) -> bool {
    let holds = |side: &Expr| match side {
        Expr::Let(_) => true,
        Expr::Binary(binary) if matches!(binary.op, BinOp::And(_)) => has_let(binary),
        _ => false,
    };
    holds(&chain.left) || holds(&chain.right)
}

/// What may stand in an operator's place.
fn others(operator: &BinOp) -> Vec<BinOp> {
    match operator {
        BinOp::Eq(_) => vec![parse_quote!(!=)],
        BinOp::Ne(_) => vec![parse_quote!(==)],
        BinOp::And(_) => vec![parse_quote!(||)],
        BinOp::Or(_) => vec![parse_quote!(&&)],
        BinOp::Lt(_) => vec![parse_quote!(==), parse_quote!(>), parse_quote!(<=)],
        BinOp::Gt(_) => vec![parse_quote!(==), parse_quote!(<), parse_quote!(>=)],
        BinOp::Le(_) => vec![parse_quote!(>)],
        BinOp::Ge(_) => vec![parse_quote!(<)],
        BinOp::Add(_) => vec![parse_quote!(-), parse_quote!(*)],
        BinOp::Sub(_) => vec![parse_quote!(+), parse_quote!(/)],
        BinOp::Mul(_) => vec![parse_quote!(+), parse_quote!(/)],
        BinOp::Div(_) => vec![parse_quote!(%), parse_quote!(*)],
        BinOp::Rem(_) => vec![parse_quote!(/), parse_quote!(+)],
        BinOp::Shl(_) => vec![parse_quote!(>>)],
        BinOp::Shr(_) => vec![parse_quote!(<<)],
        BinOp::BitAnd(_) => vec![parse_quote!(|), parse_quote!(^)],
        BinOp::BitOr(_) => vec![parse_quote!(&), parse_quote!(^)],
        BinOp::BitXor(_) => vec![parse_quote!(|), parse_quote!(&)],
        BinOp::AddAssign(_) => vec![parse_quote!(-=), parse_quote!(*=)],
        BinOp::SubAssign(_) => vec![parse_quote!(+=), parse_quote!(/=)],
        BinOp::BitAndAssign(_) => vec![parse_quote!(|=)],
        BinOp::BitOrAssign(_) => vec![parse_quote!(&=)],
        _ => Vec::new(),
    }
}

/// Plain values of a type.
fn plain(output: &ReturnType) -> Vec<Expr> {
    let ReturnType::Type(_, returned) = output else { return vec![parse_quote!(())] };
    let Type::Path(path) = &**returned else { return Vec::new() };
    let last = path.path.segments.last().expect("a path has a segment");
    match &*last.ident.to_string() {
        "bool" => vec![parse_quote!(true), parse_quote!(false)],
        "usize" | "u64" | "u32" => vec![parse_quote!(0), parse_quote!(1)],
        "Option" => vec![parse_quote!(None)],
        "Result" | "Cow" => Vec::new(),
        _ => vec![parse_quote!(Default::default())],
    }
}
