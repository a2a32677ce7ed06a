//! Cities that the demonstration knows, so that "the weather in Rome" becomes coordinates.

/// A city.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    /// In small letters.
    name: &'static str,
    /// Degrees north.
    pub(super) latitude: f64,
    /// Degrees east.
    pub(super) longitude: f64,
    /// Of the IANA database.
    pub(super) zone: &'static str,
}

const fn place(name: &'static str, latitude: f64, longitude: f64, zone: &'static str) -> Place {
    Place {
        name,
        latitude,
        longitude,
        zone,
    }
}

const PLACES: &[Place] = &[
    place("berlin", 52.52, 13.41, "Europe/Berlin"),
    place("san francisco", 37.77, -122.42, "America/Los_Angeles"),
    place("sf", 37.77, -122.42, "America/Los_Angeles"),
    place("new york", 40.71, -74.01, "America/New_York"),
    place("nyc", 40.71, -74.01, "America/New_York"),
    place("amsterdam", 52.37, 4.9, "Europe/Amsterdam"),
    place("athens", 37.98, 23.73, "Europe/Athens"),
    place("boston", 42.36, -71.06, "America/New_York"),
    place("cairo", 30.04, 31.24, "Africa/Cairo"),
    place("chicago", 41.88, -87.63, "America/Chicago"),
    place("cologne", 50.94, 6.96, "Europe/Berlin"),
    place("delhi", 28.61, 77.21, "Asia/Kolkata"),
    place("dublin", 53.35, -6.26, "Europe/Dublin"),
    place("hamburg", 53.55, 9.99, "Europe/Berlin"),
    place("istanbul", 41.01, 28.98, "Europe/Istanbul"),
    place("lisbon", 38.72, -9.14, "Europe/Lisbon"),
    place("london", 51.51, -0.13, "Europe/London"),
    place("los angeles", 34.05, -118.24, "America/Los_Angeles"),
    place("madrid", 40.42, -3.7, "Europe/Madrid"),
    place("mumbai", 19.08, 72.88, "Asia/Kolkata"),
    place("munich", 48.14, 11.58, "Europe/Berlin"),
    place("nairobi", -1.29, 36.82, "Africa/Nairobi"),
    place("oslo", 59.91, 10.75, "Europe/Oslo"),
    place("paris", 48.85, 2.35, "Europe/Paris"),
    place("prague", 50.08, 14.44, "Europe/Prague"),
    place("rome", 41.89, 12.51, "Europe/Rome"),
    place("seattle", 47.61, -122.33, "America/Los_Angeles"),
    place("singapore", 1.35, 103.82, "Asia/Singapore"),
    place("stockholm", 59.33, 18.07, "Europe/Stockholm"),
    place("sydney", -33.87, 151.21, "Australia/Sydney"),
    place("tokyo", 35.68, 139.69, "Asia/Tokyo"),
    place("toronto", 43.65, -79.38, "America/Toronto"),
    place("vienna", 48.21, 16.37, "Europe/Vienna"),
    place("warsaw", 52.23, 21.01, "Europe/Warsaw"),
    place("zurich", 47.37, 8.54, "Europe/Zurich"),
];

/// The first city that the text names, and how the text writes it.
pub(super) fn first(text: &str) -> Option<(Place, &str)> {
    let small = text.to_ascii_lowercase();
    let found = PLACES.iter().filter_map(|place| {
        let from = whole_word(&small, place.name)?;
        Some((from, *place, &text[from..from + place.name.len()]))
    });
    let (_, place, written) = found.min_by_key(|(from, ..)| *from)?;
    Some((place, written))
}

/// Where the words stand in the text, not as a part of other words.
fn whole_word(text: &str, words: &str) -> Option<usize> {
    let letter = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
    text.match_indices(words)
        .map(|(from, _)| from)
        .find(|from| {
            !letter(text[..*from].chars().next_back())
                && !letter(text[from + words.len()..].chars().next())
        })
}
