//! Which of the allowed tools the model gets directly.

use registry::Catalog;

use super::allowed::Allowed;
use super::{OfferRules, meta, tokens};

/// Functions that a request to a model may hold at most (OpenAI, function calling).
const MAX_FUNCTIONS: usize = 128;

/// As many named tools are direct whatever they take: who names so few has chosen.
const NAMED: usize = 20;

/// Tools of this tag come before those that the prompt is about.
const PINNED: &str = "pinned";

/// The tool that every output which was cut refers to.
const READ_MORE: &str = "read_more";

/// Most tools that are direct because the prompt is about them. `docs/decisions/0013-many-tools.md` has the measurement.
const MATCHES: usize = 20;

/// For each allowed tool whether it is direct.
pub(super) fn direct(
    catalog: &Catalog,
    allowed: &Allowed,
    named: bool,
    prompt: &str,
    rules: &OfferRules,
) -> Vec<bool> {
    let count = allowed.tools.len();
    let total: u64 = allowed.tools.iter().map(|tool| tokens(tool)).sum();
    let fits = total <= rules.max_tokens && count <= MAX_FUNCTIONS;
    if fits || named && count <= NAMED {
        return vec![true; count];
    }
    let mut chosen = Chosen {
        direct: vec![false; count],
        allowed,
        left: rules.max_tokens.saturating_sub(meta::TOKENS),
        functions: MAX_FUNCTIONS - meta::FUNCTIONS,
    };
    // Pins leave room for what the prompt is about.
    let kept = chosen.left / 2;
    chosen.left -= kept;
    for (place, tool) in allowed.tools.iter().enumerate() {
        if tool.id.as_str() == READ_MORE || tool.config.tags.iter().any(|tag| tag == PINNED) {
            chosen.add(place);
        }
    }
    chosen.left += kept;
    let ranked = catalog.ranked(prompt);
    let places = ranked
        .iter()
        .filter_map(|tool| allowed.place(tool.id.as_str()));
    for place in places.take(MATCHES) {
        chosen.add(place);
    }
    chosen.direct
}

struct Chosen<'a> {
    direct: Vec<bool>,
    allowed: &'a Allowed,
    /// Tokens.
    left: u64,
    functions: usize,
}

impl Chosen<'_> {
    /// Takes the tool if there is room for it.
    fn add(&mut self, place: usize) {
        let tokens = tokens(&self.allowed.tools[place]);
        if !self.direct[place] && tokens <= self.left && self.functions > 0 {
            self.direct[place] = true;
            self.left -= tokens;
            self.functions -= 1;
        }
    }
}
