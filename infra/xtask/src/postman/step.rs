//! One request of the collection: an operation, and what this run of it says beside its description.

/// Requests that are shown together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Folder {
    pub(crate) name: &'static str,
    /// Absent: that of the tag of the same name.
    pub(crate) description: Option<&'static str>,
    pub(crate) steps: &'static [Step],
}

/// One request. What it does not say is as the API's description says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) operation: &'static str,
    /// Another name than the operation's summary.
    pub(crate) name: Option<&'static str>,
    /// Values of parameters in the path; a parameter without one is the variable of its own name.
    pub(crate) path: &'static [(&'static str, &'static str)],
    pub(crate) query: &'static [(&'static str, &'static str)],
    pub(crate) headers: &'static [(&'static str, &'static str)],
    /// Another body than the documented example.
    pub(crate) body: Option<&'static str>,
    /// The statuses that are right; none: the documented ones of success.
    pub(crate) statuses: &'static [u16],
    /// The status that is right while there is no second person.
    pub(crate) alone: Option<u16>,
    /// The `code` of the problem.
    pub(crate) code: Option<&'static str>,
    /// Variables that the answer fills, each with the JavaScript that finds its value in the answer's `json`.
    pub(crate) keeps: &'static [(&'static str, &'static str)],
    /// JavaScript over `json` that says whether what is waited for has happened; until then the request is sent again.
    pub(crate) until: Option<&'static str>,
    /// Sent by the second person, in a workspace of that person's.
    pub(crate) peer: bool,
}

/// The operation as it is described.
pub(crate) const fn step(operation: &'static str) -> Step {
    Step {
        operation,
        name: None,
        path: &[],
        query: &[],
        headers: &[],
        body: None,
        statuses: &[],
        alone: None,
        code: None,
        keeps: &[],
        until: None,
        peer: false,
    }
}

type Pairs = &'static [(&'static str, &'static str)];

impl Step {
    pub(crate) const fn named(self, name: &'static str) -> Self {
        Self {
            name: Some(name),
            ..self
        }
    }

    pub(crate) const fn at(self, path: Pairs) -> Self {
        Self { path, ..self }
    }

    pub(crate) const fn query(self, query: Pairs) -> Self {
        Self { query, ..self }
    }

    pub(crate) const fn headers(self, headers: Pairs) -> Self {
        Self { headers, ..self }
    }

    pub(crate) const fn body(self, body: &'static str) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }

    pub(crate) const fn answers(self, statuses: &'static [u16]) -> Self {
        Self { statuses, ..self }
    }

    /// Answers this problem.
    pub(crate) const fn fails(self, statuses: &'static [u16], code: &'static str) -> Self {
        Self {
            statuses,
            code: Some(code),
            ..self
        }
    }

    pub(crate) const fn alone(self, status: u16) -> Self {
        Self {
            alone: Some(status),
            ..self
        }
    }

    pub(crate) const fn keeps(self, keeps: Pairs) -> Self {
        Self { keeps, ..self }
    }

    pub(crate) const fn until(self, condition: &'static str) -> Self {
        Self {
            until: Some(condition),
            ..self
        }
    }

    pub(crate) const fn by_peer(self) -> Self {
        Self { peer: true, ..self }
    }
}
