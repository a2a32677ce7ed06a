//! `#[tool]`: an async function becomes a code-based tool.

mod expand;
mod options;
mod signature;

use proc_macro::TokenStream;
use quote::quote;

/// Makes a tool of an async function; reached as `domain::code::tool`.
///
/// ```text
/// /// The latest price of one listed share.
/// #[tool(read_only, tags = ["finance"])]
/// async fn get_stock_quote(ctx: ToolContext, input: StockInput) -> Result<StockOutput, ToolError> {
///     …
/// }
/// // The tool itself: get_stock_quote::tool()
/// ```
///
/// The function stays as it is. Beside it stands a type of the same name whose `tool()` gives the
/// `CodeTool`, with the schemas of both types (`schemars::JsonSchema`).
///
/// | option | is | without it |
/// |---|---|---|
/// | `description = "…"` | what it does, for models; 1 to 1024 characters | the doc comment |
/// | `id = "…"` | 1 to 64 characters of `a-z`, `0-9`, `_` and `-` | the function's name |
/// | `name = "…"`, `title = "…"` | what people call it | the id; none |
/// | `tags = ["…"]` | words to find it by | none |
/// | `version = 2` | grows when the tool behaves differently | 1 |
/// | `timeout_ms = 5000` | deadline of one execution | 25 s |
/// | `read_only` | it changes nothing | `false` |
/// | `destructive` | it may remove or overwrite | unless `read_only` |
/// | `idempotent` | twice is as good as once | if `read_only` |
/// | `open_world` | it reaches things outside the workspace | `true` |
///
/// The last four may be written `open_world = false`. Whatever is wrong is told at once, each where it stands.
#[proc_macro_attribute]
pub fn tool(options: TokenStream, item: TokenStream) -> TokenStream {
    let tokens = proc_macro2::TokenStream::from(item);
    match expand::expand(options.into(), &tokens) {
        Ok(expanded) => expanded.into(),
        Err(error) => {
            // The function stays, so that nothing else is reported for its absence.
            let faults = error.into_compile_error();
            quote!(#tokens #faults).into()
        }
    }
}
