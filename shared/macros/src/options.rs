//! What stands in `#[tool(…)]`.

use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, LitBool, LitInt, LitStr, Token, bracketed};

const KNOWN: [&str; 11] = [
    "description",
    "id",
    "name",
    "title",
    "tags",
    "version",
    "timeout_ms",
    "read_only",
    "destructive",
    "idempotent",
    "open_world",
];

/// Longest an execution may take: a synchronous call ends below the gateway's 29 s.
pub(crate) const MAX_TIMEOUT_MS: u64 = 25_000;

/// The options, each as it was written.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) description: Option<LitStr>,
    pub(crate) id: Option<LitStr>,
    pub(crate) name: Option<LitStr>,
    pub(crate) title: Option<LitStr>,
    pub(crate) tags: Vec<LitStr>,
    pub(crate) version: Option<i32>,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) read_only: Option<bool>,
    pub(crate) destructive: Option<bool>,
    pub(crate) idempotent: Option<bool>,
    pub(crate) open_world: Option<bool>,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut options = Self::default();
        let mut seen: Vec<Ident> = Vec::new();
        while !input.is_empty() {
            if input.peek(LitStr) {
                let text: LitStr = input.parse()?;
                let advice = format!("write `description = {}`", quoted(&text.value()));
                return Err(Error::new(text.span(), advice));
            }
            let option: Ident = input.parse()?;
            if seen.contains(&option) {
                let twice = format!("`{option}` is given twice");
                return Err(Error::new(option.span(), twice));
            }
            options.read(&option, input)?;
            seen.push(option);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

impl Options {
    fn read(&mut self, option: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        match option.to_string().as_str() {
            "description" => self.description = Some(text(option, input)?),
            "id" => self.id = Some(text(option, input)?),
            "name" => self.name = Some(text(option, input)?),
            "title" => self.title = Some(text(option, input)?),
            "tags" => self.tags = tags(option, input)?,
            "version" => {
                self.version =
                    Some(whole(option, input, 1, i32::MAX.unsigned_abs().into())? as i32);
            }
            "timeout_ms" => self.timeout_ms = Some(whole(option, input, 1, MAX_TIMEOUT_MS)?),
            "read_only" => self.read_only = Some(flag(option, input)?),
            "destructive" => self.destructive = Some(flag(option, input)?),
            "idempotent" => self.idempotent = Some(flag(option, input)?),
            "open_world" => self.open_world = Some(flag(option, input)?),
            unknown => {
                let known = KNOWN.join(", ");
                let advice = format!("`{unknown}` is no option of a tool; there are {known}");
                return Err(Error::new(option.span(), advice));
            }
        }
        Ok(())
    }
}

fn equals(option: &Ident, input: ParseStream<'_>, example: &str) -> syn::Result<()> {
    if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        return Ok(());
    }
    let advice = format!("`{option}` has a value: write `{option} = {example}`");
    Err(Error::new(option.span(), advice))
}

fn text(option: &Ident, input: ParseStream<'_>) -> syn::Result<LitStr> {
    equals(option, input, "\"…\"")?;
    let advice = format!("`{option}` is a text: write `{option} = \"…\"`");
    input
        .parse()
        .map_err(|error: Error| Error::new(error.span(), advice))
}

fn tags(option: &Ident, input: ParseStream<'_>) -> syn::Result<Vec<LitStr>> {
    equals(option, input, "[\"…\"]")?;
    if !input.peek(syn::token::Bracket) {
        let advice = "`tags` is a list of texts: write `tags = [\"…\"]`";
        return Err(Error::new(input.span(), advice));
    }
    let list;
    bracketed!(list in input);
    let tags: Punctuated<LitStr, Token![,]> =
        list.parse_terminated(syn::parse::ParseBuffer::parse, Token![,])?;
    Ok(tags.into_iter().collect())
}

fn whole(option: &Ident, input: ParseStream<'_>, least: u64, most: u64) -> syn::Result<u64> {
    equals(option, input, &least.to_string())?;
    let advice = format!("`{option}` is a whole number of {least} to {most}");
    let number: LitInt = input
        .parse()
        .map_err(|error: Error| Error::new(error.span(), &advice))?;
    match number.base10_parse() {
        Ok(value) if (least..=most).contains(&value) => Ok(value),
        Ok(_) | Err(_) => Err(Error::new(number.span(), advice)),
    }
}

fn flag(option: &Ident, input: ParseStream<'_>) -> syn::Result<bool> {
    if !input.peek(Token![=]) {
        return Ok(true);
    }
    input.parse::<Token![=]>()?;
    let advice = format!("`{option}` is true or false");
    let value: LitBool = input
        .parse()
        .map_err(|error: Error| Error::new(error.span(), advice))?;
    Ok(value.value)
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}
