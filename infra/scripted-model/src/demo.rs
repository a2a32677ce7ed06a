//! What the demonstration answers: rules over the words of the prompt, the same each time, and nothing more.

use crate::captured::Captured;
use crate::reply::{Reply, say};
use crate::server::DEMO_MODEL;

pub(crate) fn answer(request: &Captured) -> Reply {
    let _ = request.prompt();
    say("This is the scripted demo model.").model(DEMO_MODEL)
}
