//! What can go wrong in the marketplace.

use domain::fault::Fault;
use domain::publication::{Change, Kind};

/// Why the marketplace did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum MarketError {
    /// The workspace has no such thing to publish.
    #[error("this workspace has no such {0}")]
    NothingThere(Kind),
    /// Nothing is public under that id.
    #[error("nothing is public under this id")]
    NotPublic,
    /// The workspace has no such thing installed.
    #[error("this workspace has no such {0} installed")]
    NotInstalled(Kind),
    /// It may not be published as it is; every fault, with pointers into its document. Those of what it calls begin with `/with/` and its id.
    #[error("it cannot be published: {} fault(s)", .0.len())]
    Refused(Vec<Fault>),
    /// The request is wrong; every fault, with pointers into it.
    #[error("the request has {} fault(s)", .0.len())]
    Invalid(Vec<Fault>),
    /// The public id is another one's.
    #[error("the public id {0} is taken")]
    SlugTaken(String),
    /// Another workspace has published under this one's slug before.
    #[error("another workspace has published as {0}: give this one another slug")]
    PublisherTaken(String),
    /// It was changed or taken out of use while it was being published.
    #[error("it was changed meanwhile: publish it again")]
    Changing,
    /// The workspace has something of that id, or of one that looks like it.
    #[error("this workspace has {there}, which {id} would be mistaken for")]
    IdTaken {
        /// The id that was wanted.
        id: String,
        /// What stands in the way.
        there: String,
    },
    /// It is what this very workspace publishes.
    #[error("this workspace publishes it: it is there already")]
    OwnPublication,
    /// Another content is public by now than the one that was named.
    #[error("version {version} is public by now")]
    Stale {
        /// The publisher's version.
        version: i32,
        /// Its hash.
        hash: String,
    },
    /// It is public no longer, so that there is nothing to update to.
    #[error("it was withdrawn from the marketplace")]
    Withdrawn,
    /// The update changes what an admin has to accept.
    #[error("the update changes what it may do: {} change(s) to be accepted", .0.len())]
    Unaccepted(Vec<Change>),
    /// Nobody in this workspace ran that version with success, or the caller belongs to the publisher.
    #[error("a review is for those who ran this version with success, and not for its publisher")]
    MayNotReview,
    /// The database.
    #[error(transparent)]
    Database(#[from] persistence::Error),
}
