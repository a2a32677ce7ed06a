//! What `response.charset`, `response.csv` and `response.xml` say: how an answer's bytes are read.

/// How an answer's bytes are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadingRules {
    /// The name of the character encoding where the upstream does not say it; `None`: UTF-8.
    pub charset: Option<String>,
    /// Of CSV.
    pub csv: CsvRules,
    /// Of XML.
    pub xml: XmlRules,
}

/// `response.csv`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvRules {
    /// The one ASCII character between two cells.
    pub delimiter: u8,
    /// Where the columns' names come from.
    pub header: CsvHeader,
}

impl Default for CsvRules {
    fn default() -> Self {
        Self {
            delimiter: b',',
            header: CsvHeader::FirstRow,
        }
    }
}

/// Where the names of a table's columns come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CsvHeader {
    /// The first row: every other row is an object.
    FirstRow,
    /// There are none: every row is a list.
    None,
    /// These: every row is an object.
    Names(Vec<String>),
}

/// `response.xml`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct XmlRules {
    /// Elements that are always a list, also when there is one only: names, or paths such as `channel.item`.
    pub arrays: Vec<String>,
}
