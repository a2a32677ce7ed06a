//! From the function to the function and its tool.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, ExprLit, ItemFn, Lit, LitStr, Meta};

use crate::options::{MAX_TIMEOUT_MS, Options};
use crate::signature::{self, Faults};

/// Ids that name routes.
const RESERVED: [&str; 2] = ["saved", "import"];
/// Longest description, in characters.
const MAX_DESCRIPTION: usize = 1024;

/// The function, and beside it the type of its name with `tool()`.
pub(crate) fn expand(options: TokenStream, item: &TokenStream) -> syn::Result<TokenStream> {
    let function: ItemFn = syn::parse2(item.clone()).map_err(|_| {
        let advice = "`#[tool]` stands on an async function";
        Error::new(item.span(), advice)
    })?;
    let mut faults = Faults::default();
    let options: Options = match syn::parse2(options) {
        Ok(options) => options,
        Err(error) => {
            faults.put(error);
            Options {
                // What was not read cannot be missed.
                description: Some(LitStr::new("-", function.sig.ident.span())),
                ..Options::default()
            }
        }
    };
    let id = id(&options, &function, &mut faults);
    let description = description(&options, &function, &mut faults);
    effects(&options, &mut faults);
    let signature = signature::read(&function, &mut faults);
    faults.into_result()?;
    let Some(signature) = signature else {
        return Err(Error::new(function.span(), "this is no tool"));
    };
    let name = &function.sig.ident;
    let public = &function.vis;
    let (input, output) = (signature.input, signature.output);
    let definition = definition(&options, &id, &description);
    // A missing derive is told at the type that lacks it.
    let input_check = quote_spanned!(input.span()=> ::domain::code::is_input::<#input>(););
    let output_check = quote_spanned!(output.span()=> ::domain::code::is_output::<#output>(););
    let doc = format!("The tool `{id}`.");
    Ok(quote! {
        #[allow(clippy::needless_pass_by_value, clippy::unused_async, reason = "all tools have one signature")]
        #function

        #[doc = #doc]
        #[allow(non_camel_case_types, reason = "named as its function")]
        #public struct #name {}

        impl #name {
            /// The tool with the schemas of its types.
            #public fn tool() -> ::domain::code::CodeTool {
                #input_check
                #output_check
                ::domain::code::CodeTool::new(#definition, #name)
            }
        }
    })
}

fn definition(options: &Options, id: &str, description: &str) -> TokenStream {
    let name = options.name.as_ref().map_or(id.to_owned(), LitStr::value);
    let title = match &options.title {
        Some(title) => quote!(::core::option::Option::Some(#title)),
        None => quote!(::core::option::Option::None),
    };
    let tags = &options.tags;
    let version = options.version.unwrap_or(1);
    let timeout_ms = options.timeout_ms.unwrap_or(MAX_TIMEOUT_MS);
    let read_only = options.read_only.unwrap_or(false);
    let destructive = options.destructive.unwrap_or(!read_only);
    let idempotent = options.idempotent.unwrap_or(read_only);
    let open_world = options.open_world.unwrap_or(true);
    quote! {
        ::domain::code::Definition {
            id: #id,
            name: #name,
            title: #title,
            description: #description,
            tags: &[#(#tags),*],
            version: #version,
            timeout_ms: #timeout_ms,
            effects: ::domain::config::Effects {
                read_only: #read_only,
                destructive: #destructive,
                idempotent: #idempotent,
                open_world: #open_world,
            },
        }
    }
}

fn id(options: &Options, function: &ItemFn, faults: &mut Faults) -> String {
    let (id, span) = match &options.id {
        Some(id) => (id.value(), id.span()),
        None => {
            let name = &function.sig.ident;
            // `r#match` is called `match`.
            let plain = name.to_string();
            let plain = plain.strip_prefix("r#").unwrap_or(&plain);
            (plain.to_owned(), name.span())
        }
    };
    let in_alphabet = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    if !(1..=64).contains(&id.len()) || !id.bytes().all(in_alphabet) {
        let advice = format!(
            "a tool's id has 1 to 64 characters of a-z, 0-9, _ and -, unlike `{id}`; write `id = \"…\"`"
        );
        faults.put(Error::new(span, advice));
    } else if RESERVED.contains(&id.as_str()) {
        let advice = format!("the id `{id}` is reserved; write `id = \"…\"`");
        faults.put(Error::new(span, advice));
    }
    id
}

fn description(options: &Options, function: &ItemFn, faults: &mut Faults) -> String {
    let (text, span) = match &options.description {
        Some(text) => (text.value().trim().to_owned(), text.span()),
        None => (documented(&function.attrs), function.sig.ident.span()),
    };
    let length = text.chars().count();
    if length == 0 {
        let advice =
            "a model must know what the tool does: write `description = \"…\"`, or a doc comment";
        faults.put(Error::new(span, advice));
    } else if length > MAX_DESCRIPTION {
        let advice =
            format!("a description has at most {MAX_DESCRIPTION} characters, not {length}");
        faults.put(Error::new(span, advice));
    }
    text
}

/// The doc comment: lines joined to paragraphs.
fn documented(attributes: &[Attribute]) -> String {
    let doc = format_ident!("doc");
    let lines = attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(meta) if meta.path.is_ident(&doc) => match &meta.value {
                Expr::Lit(ExprLit {
                    lit: Lit::Str(line),
                    ..
                }) => Some(line.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        });
    let mut text = String::new();
    for line in lines {
        if line.is_empty() {
            text.push_str("\n\n");
        } else {
            if !text.is_empty() && !text.ends_with('\n') {
                text.push(' ');
            }
            text.push_str(&line);
        }
    }
    text.trim().to_owned()
}

fn effects(options: &Options, faults: &mut Faults) {
    if options.read_only == Some(true) && options.destructive == Some(true) {
        let advice = "a tool that is `read_only` is not `destructive`";
        faults.put(Error::new(proc_macro2::Span::call_site(), advice));
    }
}
