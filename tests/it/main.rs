//! Integration tests through the door.
