//! What a tool's function looks like, and what to say when it looks otherwise.

use syn::spanned::Spanned;
use syn::{Error, FnArg, GenericArgument, ItemFn, PathArguments, ReturnType, Type};

/// The types that the tool's schemas come from.
pub(crate) struct Signature<'f> {
    pub(crate) input: &'f Type,
    pub(crate) output: &'f Type,
}

/// Collects faults, to tell them all at once.
#[derive(Default)]
pub(crate) struct Faults(Option<Error>);

impl Faults {
    pub(crate) fn add(&mut self, at: &impl Spanned, what: impl std::fmt::Display) {
        self.put(Error::new(at.span(), what));
    }

    pub(crate) fn put(&mut self, error: Error) {
        match &mut self.0 {
            Some(faults) => faults.combine(error),
            None => self.0 = Some(error),
        }
    }

    pub(crate) fn into_result(self) -> syn::Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

/// Reads the function's signature; `None` after a fault.
pub(crate) fn read<'f>(function: &'f ItemFn, faults: &mut Faults) -> Option<Signature<'f>> {
    let signature = &function.sig;
    let name = &signature.ident;
    if signature.asyncness.is_none() {
        let advice = format!("a tool is an async function: write `async fn {name}`");
        faults.add(&signature.fn_token, advice);
    }
    if let Some(unsafety) = &signature.unsafety {
        faults.add(unsafety, "a tool is no unsafe function");
    }
    if !signature.generics.params.is_empty() {
        let advice = "a tool has no generic parameters: its schemas come from its types";
        faults.add(&signature.generics.params, advice);
    }
    let input = parameters(function, faults);
    let output = output(function, faults);
    Some(Signature {
        input: input?,
        output: output?,
    })
}

fn parameters<'f>(function: &'f ItemFn, faults: &mut Faults) -> Option<&'f Type> {
    let parameters: Vec<&FnArg> = function.sig.inputs.iter().collect();
    if let Some(FnArg::Receiver(receiver)) = parameters.first() {
        faults.add(receiver, "a tool is a function of its own, no method");
        return None;
    }
    let [FnArg::Typed(context), FnArg::Typed(input)] = parameters.as_slice() else {
        let advice = "a tool takes two parameters: `ctx: ToolContext` and `input: …`";
        if parameters.is_empty() {
            faults.add(&function.sig.ident, advice);
        } else {
            faults.add(&function.sig.inputs, advice);
        }
        return None;
    };
    if !is_named(&context.ty, "ToolContext") {
        let advice = "the first parameter is the context: write `ctx: ToolContext`";
        faults.add(&context.ty, advice);
    }
    if matches!(*input.ty, Type::Reference(_)) {
        let advice = "the input is taken by value: it is read from JSON for each execution";
        faults.add(&input.ty, advice);
        return None;
    }
    Some(&input.ty)
}

fn output<'f>(function: &'f ItemFn, faults: &mut Faults) -> Option<&'f Type> {
    const ADVICE: &str = "a tool returns `Result<…, ToolError>`";
    let ReturnType::Type(_, returned) = &function.sig.output else {
        faults.add(&function.sig.ident, ADVICE);
        return None;
    };
    let found = result_of(returned);
    if found.is_none() {
        faults.add(returned, ADVICE);
    }
    found
}

/// The `T` of `Result<T, ToolError>`.
fn result_of(returned: &Type) -> Option<&Type> {
    let Type::Path(path) = returned else {
        return None;
    };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    let mut arguments = arguments.args.iter();
    match (arguments.next(), arguments.next(), arguments.next()) {
        (Some(GenericArgument::Type(output)), Some(GenericArgument::Type(error)), None)
            if last.ident == "Result" && is_named(error, "ToolError") =>
        {
            Some(output)
        }
        _ => None,
    }
}

fn is_named(found: &Type, name: &str) -> bool {
    match found {
        Type::Path(path) => {
            let last = path.path.segments.last();
            last.is_some_and(|segment| segment.ident == name)
        }
        _ => false,
    }
}
