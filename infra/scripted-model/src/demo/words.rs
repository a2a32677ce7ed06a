//! The words of a text, in the form in which they are compared.

/// Words that say nothing about what is wanted.
const EMPTY: &[&str] = &[
    "a", "about", "an", "and", "are", "at", "be", "by", "can", "do", "doe", "for", "from", "get",
    "give", "had", "has", "have", "how", "i", "in", "into", "is", "it", "latest", "me", "much",
    "my", "of", "on", "one", "or", "please", "s", "show", "such", "tell", "that", "the", "then",
    "there", "this", "to", "use", "using", "was", "what", "when", "where", "which", "who", "will",
    "with", "you",
];

/// Words that mean the same here: each leads to the word that tools are named by.
const MEANING: &[(&str, &[&str])] = &[
    (
        "weather",
        &[
            "temperature",
            "rain",
            "raining",
            "wind",
            "windy",
            "forecast",
            "sunny",
            "warm",
            "cold",
            "hot",
        ],
    ),
    ("stock", &["share", "ticker", "price", "worth"]),
    ("time", &["clock", "hour", "date", "today", "o'clock"]),
    (
        "calculate",
        &[
            "compute",
            "plu",
            "minus",
            "divided",
            "sum",
            "multiply",
            "sqrt",
            "calculation",
        ],
    ),
    (
        "exchange",
        &[
            "convert", "currency", "euro", "dollar", "eur", "usd", "gbp", "chf", "jpy",
        ],
    ),
    ("echo", &["say", "repeat", "send", "message"]),
];

/// The words of a text: small letters, names taken apart, without an `s` at the end.
pub(super) fn of(text: &str) -> Vec<String> {
    let mut apart = String::new();
    let mut before = ' ';
    for character in text.chars() {
        // camelCase has two words.
        if character.is_uppercase() && before.is_lowercase() {
            apart.push(' ');
        }
        apart.push(character);
        before = character;
    }
    let words = apart.split(|character: char| !character.is_alphanumeric());
    words
        .filter(|word| !word.is_empty())
        .map(|word| singular(&word.to_lowercase()))
        .collect()
}

/// The same, without words that say nothing, each once.
pub(super) fn telling(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in of(text) {
        if !EMPTY.contains(&word.as_str()) && !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

/// What else the words mean.
pub(super) fn meant(words: &[String]) -> Vec<&'static str> {
    let means = |all: &[&str]| words.iter().any(|word| all.contains(&word.as_str()));
    let meanings = MEANING.iter().filter(|(_, all)| means(all));
    meanings.map(|(meaning, _)| *meaning).collect()
}

fn singular(word: &str) -> String {
    let plural = word.len() > 3 && word.ends_with('s') && !word.ends_with("ss");
    let end = word.len() - usize::from(plural);
    word[..end].to_owned()
}
