//! Which problem each error of the rooms below is.
